//! Who sees which number: asserted from the INVITEs that really went out.

use crate::lab::sip::Invite;
use crate::rig::{CALL, Rig, on_both_versions};

async fn invites(rig: &Rig, phone: &str, target: &str, more: &[(&str, &str)]) -> anyhow::Result<(Invite, Invite)> {
    let (phones, carriers) = (rig.world.invites_at_phones().len(), rig.world.invites_at_carrier().len());
    let call = rig.call(phone, target, more).await?;
    rig.wait_ended(&call).await?;
    let at_phone = rig.world.invites_at_phones().into_iter().nth(phones);
    let at_carrier = rig.world.invites_at_carrier().into_iter().nth(carriers);
    Ok((at_phone.expect("the phone was called"), at_carrier.expect("the carrier was called")))
}

fn shows(invite: &Invite, number: &str, name: &str) -> anyhow::Result<()> {
    let from = invite.from.trim_start_matches('+');
    anyhow::ensure!(from == number, "From shows {from}, not {number}: {invite:?}");
    anyhow::ensure!(invite.from_name.as_deref().unwrap_or("") == name, "From names {:?}, not {name}", invite.from_name);
    Ok(())
}

async fn the_company_to_the_target_and_the_target_to_the_agent(rig: &Rig) -> anyhow::Result<()> {
    let (phone, carrier) = invites(rig, "101", "12125550105", &[]).await?;
    shows(&carrier, "12125550100", "Demo Main")?;
    anyhow::ensure!(carrier.pai.as_deref().is_some_and(|pai| pai.contains("12125550100")), "{:?}", carrier.pai);
    anyhow::ensure!(phone.from.trim_start_matches('+') == "12125550105", "{phone:?}");
    Ok(())
}

async fn an_explicit_caller_id_counts_for_that_call(rig: &Rig) -> anyhow::Result<()> {
    let explicit = [("targetcallerid", "12125550101"), ("targetcallername", "Support Line")];
    let (_, carrier) = invites(rig, "101", "12125550105", &explicit).await?;
    shows(&carrier, "12125550101", "Support Line")?;
    let named = [("targetcallerid", "+12125550101")];
    let (_, carrier) = invites(rig, "101", "12125551105", &named).await?;
    shows(&carrier, "12125550101", "Demo Support")
}

async fn a_caller_id_that_is_not_the_agents_is_refused_and_never_rewritten(rig: &Rig) -> anyhow::Result<()> {
    for caller_id in ["12125550102", "12125559999", "97235550100", "<script>"] {
        let answer = rig.click("101", "12125550105", &[("targetcallerid", caller_id)]).await?;
        anyhow::ensure!(answer["ERRORCODE"] == 1 && answer["CALLID"] == "", "{caller_id}: {answer}");
    }
    let shared = rig.click("109", "12125550105", &[("targetcallerid", "12125550101")]).await?;
    anyhow::ensure!(shared["ERRORCODE"] == 1, "109 may not show 101's number: {shared}");
    anyhow::ensure!(rig.world.invites_at_phones().is_empty() && rig.world.invites_at_carrier().is_empty());
    Ok(())
}

async fn the_agents_display_may_be_chosen(rig: &Rig) -> anyhow::Result<()> {
    let chosen = [("phonecallerid", "5551234"), ("phonecallername", "Lead \"42\" <hot>")];
    let (phone, carrier) = invites(rig, "101", "12125550105", &chosen).await?;
    shows(&phone, "5551234", "Lead 42 hot")?;
    shows(&carrier, "12125550100", "Demo Main")
}

async fn between_extensions_each_sees_the_other(rig: &Rig) -> anyhow::Result<()> {
    let call = rig.call("101", "109", &[("maxduration", "1")]).await?;
    let agent = rig.world.phones.wait_for_invite(CALL, |invite| invite.to == "101").await?;
    let target = rig.world.phones.wait_for_invite(CALL, |invite| invite.to == "109").await?;
    rig.wait_ended(&call).await?;
    shows(&agent, "109", "Heidi")?;
    shows(&target, "101", "Alice")
}

async fn a_lead_is_called_as_the_company_and_put_through_to_the_menu(rig: &Rig) -> anyhow::Result<()> {
    let call = rig.call("12125550101", "700", &[("maxduration", "2")]).await?;
    let lead = rig.world.carrier.wait_for_invite(CALL, |invite| invite.to.ends_with("12125550101")).await?;
    rig.wait_ended(&call).await?;
    shows(&lead, "12125550100", "Demo Main")
}

async fn a_service_behind_a_trunk_is_called_as_the_company(rig: &Rig) -> anyhow::Result<()> {
    let call = rig.call("SIPTRUNK", "101", &[("maxduration", "2")]).await?;
    let trunk = rig.world.carrier.wait_for_invite(CALL, |invite| invite.to.ends_with("800")).await?;
    rig.wait_ended(&call).await?;
    shows(&trunk, "12125550100", "Demo Main")?;
    let refused = rig.click("SIPTRUNK", "101", &[("phonecallerid", "12125550102")]).await?;
    anyhow::ensure!(refused["ERRORCODE"] == 1, "shared with nobody, and shown on the trunk: {refused}");
    Ok(())
}

async fn two_outside_numbers_both_see_the_company(rig: &Rig) -> anyhow::Result<()> {
    let call = rig.call("12125550101", "12125551105", &[("maxduration", "5")]).await?;
    let lead = rig.world.carrier.wait_for_invite(CALL, |invite| invite.to.ends_with("12125550101")).await?;
    let target = rig.world.carrier.wait_for_invite(CALL, |invite| invite.to.ends_with("12125551105")).await?;
    rig.wait_ended(&call).await?;
    shows(&lead, "12125550100", "Demo Main")?;
    shows(&target, "12125550100", "Demo Main")?;
    let before = rig.world.invites_at_carrier().len();
    for caller_id in ["12125550102", "12125550101", "12125559999", "101"] {
        let refused = rig.click("12125550101", "12125551105", &[("phonecallerid", caller_id)]).await?;
        anyhow::ensure!(refused["ERRORCODE"] == 1 && refused["CALLID"] == "", "{caller_id}: {refused}");
    }
    anyhow::ensure!(rig.world.invites_at_carrier().len() == before, "a refused click called somebody");
    Ok(())
}

async fn auto_answer_is_asked_of_phones_that_may_and_of_no_other(rig: &Rig) -> anyhow::Result<()> {
    let (phone, carrier) =
        invites(rig, "101", "12125550105", &[("phoneautoanswer", "1"), ("targetautoanswer", "1")]).await?;
    for header in ["Call-Info", "Alert-Info", "Answer-Mode", "P-Auto-answer"] {
        anyhow::ensure!(phone.header(header).is_some(), "no {header} in {phone:?}");
        anyhow::ensure!(carrier.header(header).is_none(), "{header} went to the carrier");
    }
    let (phone, _) = invites(rig, "106", "12125550105", &[("phoneautoanswer", "true")]).await?;
    anyhow::ensure!(phone.header("Answer-Mode").is_none(), "106 may not be made to answer");
    Ok(())
}

on_both_versions! {
    default => super::the_company_to_the_target_and_the_target_to_the_agent;
    explicit => super::an_explicit_caller_id_counts_for_that_call;
    refused => super::a_caller_id_that_is_not_the_agents_is_refused_and_never_rewritten;
    agents_display => super::the_agents_display_may_be_chosen;
    extensions => super::between_extensions_each_sees_the_other;
    lead => super::a_lead_is_called_as_the_company_and_put_through_to_the_menu;
    trunk_service => super::a_service_behind_a_trunk_is_called_as_the_company;
    outside_outside => super::two_outside_numbers_both_see_the_company;
    auto_answer => super::auto_answer_is_asked_of_phones_that_may_and_of_no_other;
}
