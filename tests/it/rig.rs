//! A world with dialbridge in it, and words for what tests do with both.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use crate::lab::daemon::Daemon;
use crate::lab::ports::Ports;
use crate::lab::provision::Version;
use crate::lab::sink::Sink;
use crate::lab::world::{World, WorldOptions};

/// Makes one test each in this module, against this Asterisk.
macro_rules! live {
    ($module:ident, $version:ident; $($(#[$meta:meta])* $name:ident => $body:path;)+) => {
        mod $module { $(
            $(#[$meta])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() -> anyhow::Result<()> {
                let name = concat!(module_path!(), "::", stringify!($name));
                let rig = $crate::rig::Rig::start($crate::lab::provision::Version::$version, name).await?;
                $body(&rig).await?;
                rig.finish().await
            }
        )+ }
    };
}
pub(crate) use live;

/// Makes one test per supported Asterisk: 22 takes requests over WebSockets, 16 over HTTP.
macro_rules! on_both_versions {
    ($($tests:tt)+) => {
        $crate::rig::live! { on_22, Asterisk22; $($tests)+ }
        $crate::rig::live! { on_16, Asterisk16; $($tests)+ }
    };
}
pub(crate) use on_both_versions;

/// For what does not depend on Asterisk's version.
macro_rules! on_22 {
    ($($tests:tt)+) => { $crate::rig::live! { on_22, Asterisk22; $($tests)+ } };
}
pub(crate) use on_22;

/// How long a call of the demo world may take to end by itself.
pub(crate) const CALL: Duration = Duration::from_secs(30);
/// How long anything may take that happens at once.
pub(crate) const SOON: Duration = Duration::from_secs(5);

pub(crate) struct Rig {
    pub(crate) world: World,
    pub(crate) daemon: Daemon,
    pub(crate) sink: Sink,
    pub(crate) http: reqwest::Client,
}

impl Rig {
    pub(crate) async fn start(version: Version, test: &str) -> anyhow::Result<Self> {
        let dir = crate::lab::repository().join(".lab/tests").join(test.replace("::", "-"));
        std::fs::create_dir_all(&dir)?;
        let world = World::start(WorldOptions::new(version, Ports::for_test()?, dir)).await?;
        let sink = Sink::start(world.ports.sink, &world.dir).await?;
        let daemon = Daemon::start(Path::new(env!("CARGO_BIN_EXE_dialbridge")), &world)?;
        daemon.wait_ready(Duration::from_secs(15)).await?;
        let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).build()?;
        Ok(Self { world, daemon, sink, http })
    }

    /// The end of every test: nothing of ours is left at Asterisk, and nobody had to act.
    pub(crate) async fn finish(self) -> anyhow::Result<()> {
        self.nothing_is_left().await?;
        if self.daemon.is_running() {
            let status = self.daemon.terminate().await?;
            anyhow::ensure!(status.success(), "dialbridge ended with {status}");
        }
        let errors = self.daemon.errors();
        anyhow::ensure!(errors.is_empty(), "dialbridge logged errors:\n{}", errors.join("\n"));
        Ok(())
    }

    /// A click through the Voicenter door; phone, target and what else there is.
    pub(crate) async fn click(&self, phone: &str, target: &str, more: &[(&str, &str)]) -> anyhow::Result<Value> {
        let basics =
            [("phone", phone), ("target", target), ("code", "demo-code"), ("action", "call"), ("format", "json")];
        let basics = basics.into_iter().filter(|(name, _)| !more.iter().any(|(other, _)| other == name));
        let query: Vec<_> = basics.chain(more.iter().copied()).collect();
        let url = self.daemon.url("/ForwardDialer/click2call.aspx");
        let text = self.http.get(url).query(&query).send().await?.text().await?;
        serde_json::from_str(&text).with_context(|| format!("no JSON: {text}"))
    }

    /// A click that is accepted; its call id.
    pub(crate) async fn call(&self, phone: &str, target: &str, more: &[(&str, &str)]) -> anyhow::Result<String> {
        let answer = self.click(phone, target, more).await?;
        anyhow::ensure!(answer["ERRORCODE"] == 0, "refused: {answer}");
        Ok(answer["CALLID"].as_str().context("no call id")?.to_owned())
    }

    /// What the API says of a call.
    pub(crate) async fn record(&self, call: &str) -> anyhow::Result<Value> {
        self.get(&format!("/v1/calls/{call}")).await
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let request = self.http.get(self.daemon.url(path)).bearer_auth("demo-code");
        let text = request.send().await?.error_for_status()?.text().await?;
        serde_json::from_str(&text).with_context(|| format!("no JSON: {text}"))
    }

    /// Waits until the record of a call fits.
    pub(crate) async fn wait_for(
        &self,
        call: &str,
        limit: Duration,
        fits: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        let waiting = async {
            loop {
                let record = self.record(call).await?;
                if fits(&record) {
                    return Ok(record);
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        match tokio::time::timeout(limit, waiting).await {
            Ok(found) => found,
            Err(_) => anyhow::bail!("waited {limit:?} in vain; the call is {}", self.record(call).await?),
        }
    }

    pub(crate) async fn wait_talking(&self, call: &str) -> anyhow::Result<Value> {
        self.wait_for(call, CALL, |record| record["phase"] == "talking").await
    }

    pub(crate) async fn wait_ended(&self, call: &str) -> anyhow::Result<Value> {
        self.wait_for(call, CALL, |record| record["phase"] == "ended").await
    }

    pub(crate) async fn terminate(&self, phone: &str) -> anyhow::Result<Value> {
        let url = self.daemon.url("/ForwardDialer/click2call.aspx");
        let query = [("Phone", phone), ("code", "demo-code"), ("action", "terminate"), ("format", "json")];
        let text = self.http.get(url).query(&query).send().await?.text().await?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Five seconds at most after the end of everything, Asterisk has no channel and no bridge of ours.
    pub(crate) async fn nothing_is_left(&self) -> anyhow::Result<()> {
        let waiting = async {
            while !self.world.live().await?.is_empty() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            anyhow::Ok(())
        };
        match tokio::time::timeout(SOON, waiting).await {
            Ok(done) => done,
            Err(_) => anyhow::bail!("left at Asterisk: {:?}", self.world.live().await?),
        }
    }
}

/// Milliseconds between two moments of a record.
pub(crate) fn millis_between(record: &Value, from: &str, to: &str) -> anyhow::Result<i64> {
    let at = |name: &str| -> anyhow::Result<jiff::Timestamp> {
        let text = record["timestamps"][name].as_str().with_context(|| format!("no time of {name} in {record}"))?;
        Ok(text.parse()?)
    };
    Ok(at(to)?.as_millisecond() - at(from)?.as_millisecond())
}
