//! `lab check`: does the lab itself keep what it promises? Plain ARI against each phone and each number of the carrier,
//! with no dialbridge in between. Prints what came back; an expectation that fails ends it with an error.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::StreamExt as _;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::lab::asterisk::{ARI_PASSWORD, Asterisk, USER};
use crate::lab::audio::{self, RATE, tone};
use crate::lab::world::World;

/// Hung up by the check itself, when nobody else did.
const BY_US: u64 = 1000;

/// Endpoint, the states of its dialling, and the cause in the end.
const OUTCOMES: [(&str, &str, u64); 19] = [
    ("PJSIP/101", "RINGING ANSWER", BY_US),
    ("PJSIP/102", "refused", 500),
    ("PJSIP/103", "RINGING ANSWER", BY_US),
    ("PJSIP/104", "RINGING", BY_US),
    ("PJSIP/105", "", 17),
    ("PJSIP/106", "RINGING ANSWER", 16),
    ("PJSIP/109", "ANSWER", BY_US),
    ("PJSIP/800@carrier", "RINGING ANSWER", BY_US),
    ("PJSIP/+12125550101@carrier", "RINGING ANSWER", BY_US),
    ("PJSIP/+12125550102@carrier", "", 17),
    ("PJSIP/+12125550103@carrier", "RINGING", BY_US),
    ("PJSIP/+12125550104@carrier", "", 21),
    ("PJSIP/+12125550105@carrier", "RINGING ANSWER", 16),
    ("PJSIP/+12125550106@carrier", "PROGRESS", 1),
    ("PJSIP/+12125550107@carrier", "", 21),
    ("PJSIP/+12125550108@carrier", "", 34),
    ("PJSIP/+12125550109@carrier", "PROGRESS ANSWER", BY_US),
    ("PJSIP/+12125550110@carrier", "RINGING ANSWER", 16),
    ("PJSIP/+972501234511@carrier", "RINGING", BY_US),
];

/// Runs all checks against a world.
pub(crate) async fn run(world: &World) -> anyhow::Result<()> {
    let mut ari = Ari::connect(world).await?;
    for ringback in [false, true] {
        ari.call_both("01", ringback).await?;
        ari.call_both("09", ringback).await?;
    }
    ari.call_menu().await?;
    for (shown, expected) in [("101", "+12125550100"), ("+12125550102", "+12125550102")] {
        ari.call_by_dialplan(shown, expected).await?;
    }
    ari.call_many().await?;
    for (number, (endpoint, states, cause)) in OUTCOMES.into_iter().enumerate() {
        let start = Instant::now();
        let (seen, ended) = ari.call(&format!("check-{number}"), endpoint).await?;
        say(&format!("{endpoint:30} {:4.1} s  {seen:18} {ended}", start.elapsed().as_secs_f32()));
        anyhow::ensure!((seen.as_str(), ended) == (states, cause), "{endpoint}: expected {states} and {cause}");
    }
    let left = world.live().await?;
    anyhow::ensure!(left.is_empty(), "still alive: {left:?}");
    Ok(())
}

struct Ari<'a> {
    world: &'a World,
    asterisk: &'a Asterisk,
    events: mpsc::UnboundedReceiver<Value>,
}

impl<'a> Ari<'a> {
    async fn connect(world: &'a World) -> anyhow::Result<Self> {
        let url = format!("ws://127.0.0.1:{}/ari/events?app=check&api_key={USER}:{ARI_PASSWORD}", world.ports.ari);
        let (mut socket, _) = tokio_tungstenite::connect_async(url).await.context("connecting to ARI's events")?;
        let (sender, events) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(Ok(message)) = socket.next().await {
                if let Ok(event) = serde_json::from_slice(&message.into_data()) {
                    // The check is over once nobody listens.
                    let _ = sender.send(event);
                }
            }
        });
        Ok(Self { world, asterisk: &world.asterisk, events })
    }

    /// Creates and dials one leg, and hangs it up after five seconds: the states of its dialling, and its end.
    async fn call(&mut self, leg: &str, endpoint: &str) -> anyhow::Result<(String, u64)> {
        let status = self.create(leg, endpoint, "").await?;
        if status != 200 {
            return Ok(("refused".to_owned(), u64::from(status)));
        }
        self.wait(leg, "StasisStart").await?;
        self.post(&format!("channels/{leg}/dial")).await?;
        let mut seen = Vec::new();
        let mut ended = None;
        let hang_up_at = tokio::time::Instant::now() + Duration::from_secs(5);
        loop {
            let limit = if ended.is_none() { hang_up_at } else { hang_up_at + Duration::from_secs(5) };
            match tokio::time::timeout_at(limit, self.events.recv()).await {
                Ok(event) => {
                    let event = event.context("the events ended")?;
                    if event["type"] == "Dial" {
                        seen.extend(
                            event["dialstatus"].as_str().filter(|status| !status.is_empty()).map(str::to_owned),
                        );
                    } else if event["type"] == "ChannelDestroyed" {
                        return Ok((seen.join(" "), ended.or(event["cause"].as_u64()).unwrap_or(0)));
                    }
                }
                Err(_) if ended.is_some() => anyhow::bail!("{endpoint}: nothing came of the hangup"),
                Err(_) => {
                    ended = Some(BY_US);
                    self.asterisk.ari("DELETE", &format!("channels/{leg}")).await?;
                }
            }
        }
    }

    /// The agent's phone, then a number, in one bridge: who hears what.
    async fn call_both(&mut self, target: &str, ringback: bool) -> anyhow::Result<()> {
        let call = format!("both-{target}-{ringback}");
        let (a, b) = (format!("{call}-a"), format!("{call}-b"));
        let number = format!("+121255501{target}");
        let carrier_before = self.world.carrier.invites().len();
        let phones_before = self.world.phones.invites().len();
        self.post(&format!("bridges/{call}?type=mixing")).await?;
        self.create(&a, "PJSIP/101", &party("+12125550100", "Demo Main", &number, "Target")).await?;
        self.wait(&a, "StasisStart").await?;
        self.post(&format!("bridges/{call}/addChannel?channel={a}")).await?;
        self.post(&format!("channels/{a}/dial")).await?;
        self.wait_dial(&a, "ANSWER").await?;
        self.create(&b, &format!("PJSIP/{number}@carrier"), &party(&number, "Target", "+12125550100", "Demo Main"))
            .await?;
        self.wait(&b, "StasisStart").await?;
        self.post(&format!("bridges/{call}/addChannel?channel={b}")).await?;
        self.post(&format!("channels/{b}/dial")).await?;
        self.wait_dial(&b, if target == "09" { "PROGRESS" } else { "RINGING" }).await?;
        if ringback {
            self.post(&format!("channels/{a}/ring")).await?;
        }
        self.wait_dial(&b, "ANSWER").await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let at_phone = self.world.phones.invites().remove(phones_before);
        let at_carrier = self.world.carrier.invites().remove(carrier_before);
        let phone = self.world.phones.stream(&at_phone.sip_call_id).context("no audio at the phone")?;
        let carrier = self.world.carrier.stream(&at_carrier.sip_call_id).context("no audio at the carrier")?;
        say(&format!(
            "bridge to {target}, ring {ringback}: phone sees {} {:?}, carrier sees {} {:?} {:?}",
            at_phone.from, at_phone.from_name, at_carrier.from, at_carrier.from_name, at_carrier.pai
        ));
        say(&format!(
            "  packets at phone {} of {}, at carrier {} of {}",
            phone.packets_received, carrier.packets_sent, carrier.packets_received, phone.packets_sent
        ));
        let heard = self.world.phones.heard(&at_phone.sip_call_id);
        for (what, hz) in
            [("ringback", tone::RINGBACK[0]), ("announcement", tone::ANNOUNCEMENT), ("carrier", tone::CARRIER)]
        {
            say(&format!(
                "  phone hears {what}: {:.1} s, peak {:.3}",
                audio::seconds_of(&heard, RATE, hz),
                audio::peak_at(&heard, RATE, hz)
            ));
        }
        let heard = self.world.carrier.heard(&at_carrier.sip_call_id);
        say(&format!(
            "  carrier hears phone 101: {:.1} s, peak {:.3}",
            audio::seconds_of(&heard, RATE, 600),
            audio::peak_at(&heard, RATE, 600)
        ));
        anyhow::ensure!(at_phone.from == number && at_carrier.from == "+12125550100", "a wrong caller id");
        for leg in [a, b] {
            self.asterisk.ari("DELETE", &format!("channels/{leg}")).await?;
            self.wait(&leg, "ChannelDestroyed").await?;
        }
        self.asterisk.ari("DELETE", &format!("bridges/{call}")).await?;
        Ok(())
    }

    /// Phone and menu: the menu is heard, and hangs up after ten seconds.
    async fn call_menu(&mut self) -> anyhow::Result<()> {
        let phones_before = self.world.phones.invites().len();
        self.post("bridges/menu?type=mixing").await?;
        for (leg, endpoint) in [("menu-a", "PJSIP/109"), ("menu-b", "Local/700@services/n")] {
            self.create(leg, endpoint, "").await?;
            self.wait(leg, "StasisStart").await?;
            self.post(&format!("bridges/menu/addChannel?channel={leg}")).await?;
            self.post(&format!("channels/{leg}/dial")).await?;
            self.wait_dial(leg, "ANSWER").await?;
        }
        let start = Instant::now();
        let end = self.wait("menu-b", "ChannelDestroyed").await?;
        let invite = self.world.phones.invites().remove(phones_before);
        let heard = self.world.phones.heard(&invite.sip_call_id);
        say(&format!(
            "menu: heard {:.1} s, ended after {:.1} s, cause {}",
            audio::seconds_of(&heard, RATE, tone::MENU),
            start.elapsed().as_secs_f32(),
            end["cause"]
        ));
        self.asterisk.ari("DELETE", "channels/menu-a").await?;
        self.wait("menu-a", "ChannelDestroyed").await?;
        self.asterisk.ari("DELETE", "bridges/menu").await?;
        Ok(())
    }

    /// Outbound by the dialplan, which replaces a caller id that is no full number.
    async fn call_by_dialplan(&mut self, shown: &str, expected: &str) -> anyhow::Result<()> {
        let carrier_before = self.world.carrier.invites().len();
        let leg = format!("dialplan-{}", shown.trim_start_matches('+'));
        let variables = party("+12125550101", "Target", shown, "Company");
        self.create(&leg, "Local/+12125550101@from-internal/n", &variables).await?;
        self.wait(&leg, "StasisStart").await?;
        self.post(&format!("channels/{leg}/dial")).await?;
        self.wait_dial(&leg, "RINGING").await?;
        self.wait_dial(&leg, "ANSWER").await?;
        let from = self.world.carrier.invites().remove(carrier_before).from;
        say(&format!("by the dialplan as {shown}: the carrier sees {from}"));
        anyhow::ensure!(from == expected, "expected {expected}");
        self.asterisk.ari("DELETE", &format!("channels/{leg}")).await?;
        self.wait(&leg, "ChannelDestroyed").await?;
        Ok(())
    }

    /// Fifty calls at a time on each of two phones, joined in pairs: each hears the other, and nobody else.
    async fn call_many(&mut self) -> anyhow::Result<()> {
        const PAIRS: usize = 50;
        let before = self.world.phones.invites().len();
        let legs: Vec<_> = (0..PAIRS).flat_map(|n| [(n, "101"), (n, "109")]).collect();
        for (n, phone) in &legs {
            self.create(&format!("many-{n}-{phone}"), &format!("PJSIP/{phone}"), "").await?;
        }
        for n in 0..PAIRS {
            self.post(&format!("bridges/many-{n}?type=mixing")).await?;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        for (n, phone) in &legs {
            self.post(&format!("bridges/many-{n}/addChannel?channel=many-{n}-{phone}")).await?;
            self.post(&format!("channels/many-{n}-{phone}/dial")).await?;
        }
        tokio::time::sleep(Duration::from_secs(4)).await;
        let invites = self.world.phones.invites().split_off(before);
        anyhow::ensure!(invites.len() == legs.len(), "{} INVITEs for {} legs", invites.len(), legs.len());
        let mut fewest = u64::MAX;
        for invite in &invites {
            let other = if invite.to == "101" { "109" } else { "101" };
            let heard = self.world.phones.heard(&invite.sip_call_id);
            let seconds = |phone| audio::seconds_of(&heard, RATE, tone::of_phone(phone));
            anyhow::ensure!(
                seconds(other) > 1.5 && seconds(&invite.to) < 0.1,
                "{} hears itself, or not {other}",
                invite.to
            );
            fewest =
                fewest.min(self.world.phones.stream(&invite.sip_call_id).map_or(0, |stream| stream.packets_received));
        }
        say(&format!("{PAIRS} calls at once: each phone hears the other only, at least {fewest} packets"));
        for (n, phone) in &legs {
            self.asterisk.ari("DELETE", &format!("channels/many-{n}-{phone}")).await?;
        }
        for n in 0..PAIRS {
            self.asterisk.ari("DELETE", &format!("bridges/many-{n}")).await?;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(())
    }

    async fn create(&self, leg: &str, endpoint: &str, variables: &str) -> anyhow::Result<u16> {
        let endpoint: String = form_urlencoded::byte_serialize(endpoint.as_bytes()).collect();
        let path = format!("channels/create?app=check&channelId={leg}&endpoint={endpoint}");
        let (status, _) = self.asterisk.ari_with_body("POST", &path, variables).await?;
        Ok(status)
    }

    async fn post(&self, path: &str) -> anyhow::Result<()> {
        let (status, body) = self.asterisk.ari("POST", path).await?;
        anyhow::ensure!(status < 300, "POST {path}: {status} {body}");
        Ok(())
    }

    async fn wait(&mut self, leg: &str, kind: &str) -> anyhow::Result<Value> {
        self.wait_event(&format!("{kind} of {leg}"), |event| event["type"] == kind && event["channel"]["id"] == leg)
            .await
    }

    async fn wait_dial(&mut self, leg: &str, status: &str) -> anyhow::Result<Value> {
        self.wait_event(&format!("{status} of {leg}"), |event| {
            event["dialstatus"] == status && event["peer"]["id"] == leg
        })
        .await
    }

    async fn wait_event(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        let found = async {
            loop {
                let event = self.events.recv().await.context("the events ended")?;
                if fits(&event) {
                    return Ok(event);
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(15), found).await.with_context(|| format!("no {what}"))?
    }
}

/// Variables that make an INVITE carry the right names, see the caller-id table of the architecture page.
fn party(number: &str, name: &str, sees_number: &str, sees_name: &str) -> String {
    serde_json::json!({ "variables": {
        "CALLERID(num)": number, "CALLERID(name)": name, "CONNECTEDLINE(num,i)": sees_number, "CONNECTEDLINE(name,i)": sees_name,
    }})
    .to_string()
}

#[expect(clippy::print_stdout, reason = "this is what the command prints")]
fn say(line: &str) {
    println!("{line}");
}
