//! Callbacks, however badly their receiver and this process behave.

use std::time::Duration;

use anyhow::Context as _;

use crate::lab::sink::{Answer, Callback, Sink};
use crate::rig::{CALL, Rig, on_both_versions};

async fn call_with_callback(rig: &Rig, port: u16) -> anyhow::Result<String> {
    let userdata = format!("[id|$call_id$][ctl_callbackUrl|http://127.0.0.1:{port}/done?call=$call_id$]");
    let call = rig.call("101", "12125550110", &[("ctl_userdata", &userdata)]).await?;
    rig.wait_ended(&call).await?;
    Ok(call)
}

fn same_words(callbacks: &[Callback]) -> anyhow::Result<()> {
    for pair in callbacks.windows(2) {
        anyhow::ensure!(pair[0].bytes == pair[1].bytes, "{:?} is not {:?}", pair[0].body, pair[1].body);
        anyhow::ensure!(pair[0].header("webhook-id") == pair[1].header("webhook-id"), "another webhook-id");
        anyhow::ensure!(pair[0].path == pair[1].path, "another path");
    }
    Ok(())
}

async fn a_receiver_that_fails_twice_gets_the_same_words_three_times(rig: &Rig) -> anyhow::Result<()> {
    rig.sink.script([Answer::status(500), Answer::status(500)]);
    let call = call_with_callback(rig, rig.world.ports.sink).await?;
    let callbacks = rig.sink.wait_for(3, Duration::from_mins(1)).await?;
    same_words(&callbacks)?;
    let answered: Vec<_> = callbacks.iter().map(|callback| callback.answered).collect();
    anyhow::ensure!(answered == [Some(500), Some(500), Some(200)], "{answered:?}");
    anyhow::ensure!(callbacks[0].path == format!("/done?call={call}"), "{}", callbacks[0].path);
    anyhow::ensure!(callbacks[0].header("webhook-id").is_some_and(|id| id.contains(&call)));
    Ok(())
}

async fn a_receiver_that_is_down_at_first_gets_it_when_it_comes_up(rig: &Rig) -> anyhow::Result<()> {
    let port = rig.world.ports.sink + 1;
    call_with_callback(rig, port).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    // What is owed lies in the store: a restart in between loses nothing.
    rig.daemon.kill_hard();
    rig.daemon.restart()?;
    rig.daemon.wait_ready(Duration::from_secs(15)).await?;
    let late = Sink::start(port, &rig.world.dir).await?;
    let callbacks = late.wait_for(1, Duration::from_mins(1)).await?;
    same_words(&callbacks)
}

async fn an_end_is_told_although_the_daemon_died_before_it_was_delivered(rig: &Rig) -> anyhow::Result<()> {
    rig.sink.script([Answer::hang()]);
    call_with_callback(rig, rig.world.ports.sink).await?;
    rig.sink.wait_for(1, CALL).await?;
    rig.daemon.kill_hard();
    rig.daemon.restart()?;
    rig.daemon.wait_ready(Duration::from_secs(15)).await?;
    // The claim of the dead process is over with its lease, which is a minute.
    let callbacks = rig.sink.wait_for(2, Duration::from_secs(90)).await?;
    same_words(&callbacks)
}

async fn private_addresses_are_refused_before_anything_rings(rig: &Rig) -> anyhow::Result<()> {
    for url in [
        "http://127.0.0.1:5038/",
        "http://169.254.169.254/latest",
        "http://[::ffff:7f00:1]/",
        "http://0x7f.1/",
        "http://2130706433/",
        "http://[fd00:ec2::254]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://u:p@crm.example/",
        "file:///etc/passwd",
        "gopher://crm.example/",
        "http://crm.example:25/",
        "http://crm.example:8088/",
        "http://$target$/",
    ] {
        let userdata = format!("[ctl_callbackUrl|{url}]");
        let answer = rig.click("101", "12125550101", &[("ctl_userdata", &userdata)]).await?;
        anyhow::ensure!(answer["ERRORCODE"] == 1, "{url}: {answer}");
    }
    anyhow::ensure!(rig.world.invites_at_phones().is_empty(), "a phone rang");
    Ok(())
}

async fn user_data_comes_back_as_it_went_with_every_token_filled(rig: &Rig) -> anyhow::Result<()> {
    let userdata = format!(
        "[key|12345678][note|50%5B a$equal$b $nonsense$ $broken][answered|$call_answered_time$][tt|$callAnsweredTenantTT$]\
         [reason|$end_reason$][who|$agent$][from|$caller_id$][to|$target$][ctl_callbackUrl|{}/done]",
        rig.sink.url()
    );
    let ext = "[extRecordId|0015][extRecordType|Account]";
    let more = [("ctl_userdata", userdata.as_str()), ("extTransactionData", ext), ("var_order", "77")];
    let call = rig.call("101", "12125550105", &more).await?;
    let record = rig.wait_ended(&call).await?;
    let callbacks = rig.sink.wait_for(1, CALL).await?;
    let pairs = callbacks[0].pairs();
    let field = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let userdata = field("ctl_userdata").context("no ctl_userdata")?;
    for expected in [
        "[key|12345678]",
        "[note|50%255B a=b $nonsense$ $broken]",
        "[reason|normal]",
        "[who|alice@demo.example]",
        "[from|12125550100]",
        "[to|12125550105]",
    ] {
        anyhow::ensure!(userdata.contains(expected), "no {expected} in {userdata}");
    }
    anyhow::ensure!(!userdata.contains("[answered|0]") && !userdata.contains("[tt|]"), "{userdata}");
    anyhow::ensure!(field("resultCode") == Some("IGNORE"), "{pairs:?}");
    anyhow::ensure!(record["vars"]["order"] == "77", "{record}");
    anyhow::ensure!(record["ext_transaction_data"]["extRecordId"] == "0015", "{record}");
    Ok(())
}

on_both_versions! {
    fails_twice => super::a_receiver_that_fails_twice_gets_the_same_words_three_times;
    down_at_first => super::a_receiver_that_is_down_at_first_gets_it_when_it_comes_up;
    killed_in_delivery => super::an_end_is_told_although_the_daemon_died_before_it_was_delivered;
    private_addresses => super::private_addresses_are_refused_before_anything_rings;
    user_data => super::user_data_comes_back_as_it_went_with_every_token_filled;
}
