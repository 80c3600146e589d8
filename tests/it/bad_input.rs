//! What must be refused, through the real door of the real daemon, with a real Asterisk that stays silent.

use anyhow::Context as _;

use crate::rig::{Rig, on_both_versions};

/// Parameters of a click beyond the code and the action, and what is wrong with them.
const REFUSED: [(&str, &str); 47] = [
    ("target=12125550101", "phone missing"),
    ("phone=&target=12125550101", "phone empty"),
    ("phone=%20%20&target=12125550101", "phone only spaces"),
    ("phone=101", "target missing"),
    ("phone=101&target=", "target empty"),
    ("phone=100%26Local/911@x&target=12125550101", "ampersand"),
    ("phone=100,30,g&target=12125550101", "commas"),
    ("phone=100|x&target=12125550101", "bar"),
    ("phone=100/sip:evil@h&target=12125550101", "slash"),
    ("phone=100@other&target=12125550101", "at"),
    ("phone=$%7BSHELL(id)%7D&target=12125550101", "dialplan function"),
    ("phone=$[1%2b1]&target=12125550101", "dialplan expression"),
    ("phone=101&target=SIP/101", "technology"),
    ("phone=101&target=sip:101@127.0.0.1", "SIP URI"),
    ("phone=101&target=tel:%2B97250000000;ext=1", "tel URI"),
    ("phone=101&target=1-800-FLOWERS", "letters"),
    ("phone=101&target=111111111111111111111111111111111", "33 digits"),
    ("phone=101&target=%EF%BC%91%EF%BC%92%EF%BC%93", "full-width digits"),
    ("phone=101&target=%D9%A1%D9%A2%D9%A3", "Arabic digits"),
    ("phone=101&target=%E2%80%8F12125550101", "right-to-left mark"),
    ("phone=101&target=12125550101%00", "NUL"),
    ("phone=101&target=12125550101%0D%0AAction:%20Ping", "CR LF"),
    ("phone=101&target=%FF%FE", "invalid UTF-8"),
    ("phone=101&target=%252B12125550101", "encoded twice"),
    ("phone=101&phone=101&target=12125550101", "phone twice"),
    ("phone=101&Phone=101&target=12125550101", "phone twice in another case"),
    ("phone=101&target=12125550101&var_CALLERID(num)=911", "function as variable"),
    ("phone=101&target=12125550101&var_GLOBAL(x)=1", "global variable"),
    ("phone=101&target=12125550101&var_=1", "variable without a name"),
    (
        "phone=101&target=12125550101&var_a=1&var_b=1&var_c=1&var_d=1&var_e=1&var_f=1&var_g=1&var_h=1&var_i=1&var_j=1&var_k=1",
        "11 variables",
    ),
    ("phone=101&target=12125550101&var_a=%0A", "control character"),
    ("phone=101&target=12125550101&phonemaxdialtime=0", "0 seconds"),
    ("phone=101&target=12125550101&phonemaxdialtime=-1", "negative"),
    ("phone=101&target=12125550101&targetmaxdialtime=301", "too long"),
    ("phone=101&target=12125550101&maxduration=1e9", "exponent"),
    ("phone=101&target=12125550101&maxduration=60abc", "letters after a number"),
    ("phone=101&target=12125550101&maxduration=14401", "too long"),
    ("phone=101&target=12125550101&format=jsonp", "unknown format"),
    ("phone=101&target=12125550101&callback=alert", "JSONP"),
    ("phone=101&target=12125550101&record=maybe", "no flag"),
    ("phone=101&target=12125550101&language=english", "no language"),
    ("phone=101&target=12125550101&ignorednostatus=4", "no such override"),
    ("phone=101&target=12125550101&ignorednostatus=3", "no right to override"),
    ("phone=101&target=%2A72", "star code"),
    ("phone=101&target=911", "emergency"),
    ("phone=101&target=19005550101", "premium"),
    ("phone=101&target=0118816123456", "satellite"),
];

/// Rows of which the answer must name what is wrong.
const NAMED: [(&str, &str); 8] = [
    ("phone missing", "Phone is missing"),
    ("target missing", "Target is missing"),
    ("ampersand", "Phone"),
    ("SIP URI", "Target"),
    ("global variable", "var_"),
    ("0 seconds", "Phonemaxdialtime"),
    ("exponent", "maxduration"),
    ("no flag", "record"),
];

async fn every_bad_click_is_refused_and_nothing_rings(rig: &Rig) -> anyhow::Result<()> {
    let path = "/ForwardDialer/click2call.aspx?code=demo-code&action=call&";
    let mut wrong = Vec::new();
    for (query, why) in REFUSED {
        let answer = rig.http.get(rig.daemon.url(&format!("{path}{query}"))).send().await?;
        let (status, body) = (answer.status(), answer.text().await?);
        let named = NAMED.iter().find(|(row, _)| *row == why).is_none_or(|(_, word)| body.contains(word));
        if status != 200 || !named || !body.contains("<name>ERRORCODE</name><value><string>1</string>") {
            wrong.push(format!("{why}: {status} {body}"));
        }
    }
    let long = format!("{path}phone=101&target={}", "1".repeat(10_000));
    let answer = rig.http.get(rig.daemon.url(&long)).send().await?.text().await?;
    if !answer.contains("<string>1</string>") {
        wrong.push(format!("10,000 digits: {answer}"));
    }
    let value = format!("{path}phone=101&target=12125550101&var_a={}", "x".repeat(5_000));
    let answer = rig.http.get(rig.daemon.url(&value)).send().await?.text().await?;
    if !answer.contains("<string>1</string>") {
        wrong.push(format!("5 kB in a variable: {answer}"));
    }
    anyhow::ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    silent(rig).await?;
    // The same path with nothing wrong in it: what was refused above was refused for what it says.
    let good =
        rig.http.get(rig.daemon.url(&format!("{path}phone=101&target=12125550105"))).send().await?.text().await?;
    anyhow::ensure!(good.contains("<name>ERRORCODE</name><value><string>0</string>"), "{good}");
    let (_, call) = good.split_once("<name>CALLID</name><value><string>").context("no call id")?;
    rig.wait_ended(call.split('<').next().unwrap_or_default()).await?;
    Ok(())
}

async fn what_is_no_click_places_no_call(rig: &Rig) -> anyhow::Result<()> {
    let url = rig.daemon.url("/ForwardDialer/click2call.aspx?code=demo-code&action=call&phone=101&target=12125550101");
    for method in ["HEAD", "OPTIONS", "PUT", "DELETE"] {
        let answer = rig.http.request(method.parse()?, &url).send().await?;
        let status = answer.status().as_u16();
        anyhow::ensure!(status == 405 || (method == "OPTIONS" && status == 204), "{method}: {status}");
        anyhow::ensure!(!answer.headers().contains_key("access-control-allow-origin"), "{method}");
    }
    for (header, value) in [("Sec-Purpose", "prefetch"), ("Purpose", "prefetch"), ("X-Moz", "prefetch")] {
        let answer = rig.http.get(&url).header(header, value).send().await?;
        anyhow::ensure!(answer.status() == 403, "{header}: {}", answer.status());
    }
    let action = url.replace("action=call", "action=DELETE");
    let answer = rig.http.get(action).send().await?.text().await?;
    anyhow::ensure!(answer.contains("<string>1</string>"), "{answer}");
    silent(rig).await
}

async fn a_wrong_code_says_nothing_more_and_is_slowed_down(rig: &Rig) -> anyhow::Result<()> {
    let mut answers = Vec::new();
    for code in ["wrong", "", "demo-cod", "demo-code2", "DEMO-CODE", "x", "y", "z"] {
        let query = [("code", code), ("action", "call"), ("phone", "101"), ("target", "12125550101")];
        let answer = rig.http.get(rig.daemon.url("/ForwardDialer/click2call.aspx")).query(&query).send().await?;
        answers.push((answer.status().as_u16(), answer.text().await?));
    }
    anyhow::ensure!(answers[0].0 == 200 && answers[0].1.contains("<string>1</string>"), "{answers:?}");
    anyhow::ensure!(answers.last().is_some_and(|(status, _)| *status == 429), "{answers:?}");
    silent(rig).await
}

async fn a_plus_that_arrived_as_a_space_is_a_plus(rig: &Rig) -> anyhow::Result<()> {
    for target in ["+12125550110", "%2B12125550120", "1 (212) 555-01.30", "0012125550140", "2125550150"] {
        let path = "/ForwardDialer/click2call.aspx?code=demo-code&action=call&format=json&phone=101&target=";
        let url = rig.daemon.url(&format!("{path}{target}"));
        let answer: serde_json::Value = serde_json::from_str(&rig.http.get(url).send().await?.text().await?)?;
        // By its last two digits 00110 ends at once; all others are hung up below.
        let call = answer["CALLID"].as_str().unwrap_or("");
        anyhow::ensure!(answer["ERRORCODE"] == 0, "{target}: {answer}");
        rig.terminate("101").await?;
        rig.wait_ended(call).await?;
    }
    Ok(())
}

async fn silent(rig: &Rig) -> anyhow::Result<()> {
    anyhow::ensure!(rig.world.invites_at_phones().is_empty(), "a phone rang");
    anyhow::ensure!(rig.world.invites_at_carrier().is_empty(), "the carrier was called");
    let live = rig.world.live().await?;
    anyhow::ensure!(live.is_empty(), "channels were created: {live:?}");
    Ok(())
}

on_both_versions! {
    refused => super::every_bad_click_is_refused_and_nothing_rings;
    no_click => super::what_is_no_click_places_no_call;
    wrong_code => super::a_wrong_code_says_nothing_more_and_is_slowed_down;
    forgiving => super::a_plus_that_arrived_as_a_space_is_a_plus;
}
