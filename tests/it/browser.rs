//! Links in a real browser.
use crate::lab::browser::{Browser, Display};
use crate::rig::{Rig, on_22};

async fn smoke(rig: &Rig) -> anyhow::Result<()> {
    let display = Display::start(&rig.world.dir).await?;
    println!("{display:?}");
    let browser = Browser::start(&rig.world.dir, &[], serde_json::json!({})).await?;
    browser.client.goto(&rig.daemon.url("/readyz")).await?;
    println!("{}", browser.client.source().await?);
    browser.client.goto("http://crm.test:1/").await.ok();
    let pages = crate::lab::sink::Sink::start(rig.world.ports.sink + 1, &rig.world.dir).await?;
    pages.always(crate::lab::sink::Answer::status(200).header("content-type", "text/html").body("<p id=a>hi</p>"));
    browser.client.goto(&format!("http://crm.test:{}/", rig.world.ports.sink + 1)).await?;
    println!("{}", browser.client.source().await?);
    std::process::Command::new("sh").arg("-c").arg("ps -ef | grep -c chromium").status()?;
    browser.close().await?;
    std::process::Command::new("sh").arg("-c").arg("ps -ef | grep  chromium").status()?;
    Ok(())
}
on_22! { smoke => super::smoke; }
