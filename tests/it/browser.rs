//! What pages can do to an agent who is signed in, in a real browser: nothing without the agent.
//!
//! One browser for all of it. The daemon is `127.0.0.1`; a CRM is at another port of it (the same site, another
//! origin) and at `crm.test` (another site), both listed in the directory; `evil.test` is listed nowhere. That
//! nothing was called is read from the API's list, which has a call before its click is answered, and from the
//! phones and the carrier.

use anyhow::Context as _;
use fantoccini::Locator;
use serde_json::json;

use crate::lab::browser::Browser;
use crate::lab::sink::{Answer, Sink};
use crate::links::{Desk, next_at_carrier};
use crate::rig::{Rig, SOON, on_22};

/// Everything around one browser.
struct Scene<'a> {
    rig: &'a Rig,
    browser: Browser,
    pages: Sink,
    port: u16,
}

impl<'a> Scene<'a> {
    async fn new(rig: &'a Rig, desk: &Desk) -> anyhow::Result<Self> {
        let port = rig.world.ports.sink + 1;
        let pages = Sink::start(port, &rig.world.dir).await?;
        let choices = json!({ "protocol_handler.allowed_origin_protocol_pairs": {
            format!("http://127.0.0.1:{port}"): { "votel": true },
        } });
        let browser = Browser::start(&rig.world.dir, &desk.variables(), choices).await?;
        let scene = Self { rig, browser, pages, port };
        scene.list_origins(desk).await?;
        Ok(scene)
    }

    /// Names the CRM's two origins in the directory, while everything runs.
    async fn list_origins(&self, desk: &Desk) -> anyhow::Result<()> {
        let file = self.rig.world.dir.join("demo.toml");
        let text = std::fs::read_to_string(&file)?;
        let (listed, port) = ("\"http://127.0.0.1:8091\"", self.port);
        anyhow::ensure!(text.contains(listed), "the demo's directory lists no such origin");
        let ours = format!("\"http://127.0.0.1:{port}\", \"http://crm.test:{port}\"");
        std::fs::write(&file, text.replace(listed, &ours))?;
        let socket = self.rig.world.dir.join("dialbridge.sock").display().to_string();
        desk.dialbridge(&["directory", "apply", &file.display().to_string(), "--socket", &socket]).await?;
        Ok(())
    }

    /// A page of this host, with one link.
    async fn page(&self, host: &str, link: &str) -> anyhow::Result<()> {
        let html = format!("<!doctype html><title>page</title><a id=\"link\" href=\"{link}\">Call</a>");
        self.pages.always(Answer::status(200).header("content-type", "text/html").body(html));
        Ok(self.browser.client.goto(&format!("http://{host}:{}/", self.port)).await?)
    }

    /// What a CRM's link leads to.
    fn door(&self, phone: &str) -> String {
        self.rig.daemon.url(&format!("/AGUI/make_call.php?phone={phone}"))
    }

    async fn sign_in(&self) -> anyhow::Result<()> {
        let client = &self.browser.client;
        client.goto(&self.rig.daemon.url("/login")).await?;
        for (id, text) in [("user", "101"), ("password", "demo-pass")] {
            self.browser.element(id).await?.send_keys(text).await?;
        }
        client.find(Locator::Css("button")).await?.click().await?;
        self.wait_title("You are signed in").await
    }

    async fn wait_title(&self, title: &str) -> anyhow::Result<()> {
        let client = &self.browser.client;
        let titled = format!("//title[.='{title}']");
        if let Err(error) = client.wait().at_most(SOON).for_element(Locator::XPath(&titled)).await {
            let (url, page) = (client.current_url().await?, client.source().await?);
            anyhow::bail!("no page {title:?} ({error}) but {url}: {page}");
        }
        Ok(())
    }

    /// Lets the page do something that ends by calling `done`, without anybody's click.
    async fn page_does(&self, script: &str) -> anyhow::Result<()> {
        let script = format!("const done = arguments[arguments.length - 1]; {script}");
        self.browser.client.execute_async(&script, Vec::new()).await.with_context(|| script)?;
        Ok(())
    }

    /// So many calls there have been, at the API and at the phones.
    async fn calls(&self) -> anyhow::Result<(usize, usize, usize)> {
        let list = self.rig.get("/v1/calls?limit=200").await?;
        let listed = list["data"].as_array().context("no list of calls")?.len();
        Ok((listed, self.rig.world.invites_at_phones().len(), self.rig.world.invites_at_carrier().len()))
    }

    /// Waits for the call that was just placed, and ends it.
    async fn was_called(&self, number: &str, before: (usize, usize, usize)) -> anyhow::Result<()> {
        let invite = next_at_carrier(self.rig, before.2).await?;
        anyhow::ensure!(invite.to == number, "{number}: {invite:?}");
        let after = self.calls().await?;
        anyhow::ensure!(after == (before.0 + 1, before.1 + 1, before.2 + 1), "{number}: {before:?}, then {after:?}");
        Ok(())
    }
}

async fn a_link_in_a_page_opens_the_program_and_calls(scene: &Scene<'_>) -> anyhow::Result<()> {
    let before = scene.calls().await?;
    scene.page("127.0.0.1", "votel://+12125550101/+12125550101").await?;
    scene.browser.click("link").await?;
    scene.was_called("+12125550101", before).await?;
    let invite = scene.rig.world.invites_at_carrier().pop().context("no call")?;
    anyhow::ensure!(invite.from == "+12125550101", "{invite:?}");
    Ok(())
}

async fn what_nobody_sees_places_no_call(scene: &Scene<'_>) -> anyhow::Result<()> {
    let before = scene.calls().await?;
    let url = scene.door("12125552101");
    for host in ["evil.test", "crm.test", "127.0.0.1"] {
        scene.page(host, "#").await?;
        let loads = [
            format!("const i = new Image(); i.onload = i.onerror = () => done(); i.src = '{url}';"),
            format!(
                "const f = document.createElement('iframe'); f.onload = () => done(); f.src = '{url}'; document.body.append(f);"
            ),
            format!("fetch('{url}', {{ mode: 'no-cors', credentials: 'include' }}).then(done, done);"),
            format!("fetch('{url}', {{ method: 'POST', mode: 'no-cors', credentials: 'include' }}).then(done, done);"),
            format!(
                "const s = document.createElement('script'); s.onload = s.onerror = () => done(); s.src = '{url}'; document.body.append(s);"
            ),
            format!(
                "const l = document.createElement('link'); l.rel = 'stylesheet'; l.onload = l.onerror = () => done(); l.href = '{url}'; document.head.append(l);"
            ),
        ];
        for script in loads {
            scene.page_does(&script).await?;
            anyhow::ensure!(scene.calls().await? == before, "{host}: {script}");
        }
    }
    Ok(())
}

async fn a_frame_shows_no_page_of_ours(scene: &Scene<'_>) -> anyhow::Result<()> {
    for url in [scene.door("12125552101"), scene.rig.daemon.url("/login")] {
        scene.page("crm.test", "#").await?;
        let script = "const f = document.createElement('iframe'); f.onload = () => done(); f.src =";
        scene.page_does(&format!("{script} '{url}'; document.body.append(f);")).await?;
        scene.browser.client.enter_frame(0).await?;
        let shown = scene.browser.script("return document.location.href + document.body.innerText").await?;
        scene.browser.client.enter_parent_frame().await?;
        let shown = shown.as_str().context("nothing is shown")?;
        anyhow::ensure!(shown.starts_with("chrome-error:"), "{url}: {shown}");
    }
    Ok(())
}

async fn a_navigation_that_a_script_makes_asks_the_person_first(scene: &Scene<'_>) -> anyhow::Result<()> {
    for host in ["evil.test", "crm.test", "127.0.0.1"] {
        let before = scene.calls().await?;
        scene.page(host, "#").await?;
        scene.browser.script(&format!("location.href = '{}'", scene.door("12125553101"))).await?;
        scene.wait_title("Place this call?").await?;
        anyhow::ensure!(scene.calls().await? == before, "{host}");
    }
    let before = scene.calls().await?;
    scene.page("evil.test", "#").await?;
    let form = "const f = document.createElement('form'); f.method = 'post'; document.body.append(f);";
    scene.browser.script(&format!("{form} f.action = '{}'; f.submit()", scene.door("12125553101"))).await?;
    // The cookie does not come along with another site's form: nobody is signed in, for all that it shows.
    scene.wait_title("Sign in first").await?;
    anyhow::ensure!(scene.calls().await? == before);
    Ok(())
}

async fn a_click_on_a_link_of_a_stranger_asks_and_the_answer_calls_once(scene: &Scene<'_>) -> anyhow::Result<()> {
    let before = scene.calls().await?;
    scene.page("evil.test", &scene.door("12125554101")).await?;
    scene.browser.click("link").await?;
    scene.wait_title("Place this call?").await?;
    anyhow::ensure!(scene.calls().await? == before);
    scene.browser.client.find(Locator::Css("button")).await?.click().await?;
    scene.wait_title("Calling").await?;
    scene.was_called("+12125554101", before).await
}

async fn a_click_on_a_link_of_a_listed_crm_calls(scene: &Scene<'_>) -> anyhow::Result<()> {
    for (host, phone) in [("127.0.0.1", "12125555101"), ("crm.test", "12125556101")] {
        let before = scene.calls().await?;
        scene.page(host, &scene.door(phone)).await?;
        scene.browser.click("link").await?;
        scene.wait_title("Calling").await?;
        scene.was_called(&format!("+{phone}"), before).await.with_context(|| host)?;
    }
    Ok(())
}

async fn pages_and_their_links(rig: &Rig) -> anyhow::Result<()> {
    let desk = Desk::new(rig).await?;
    desk.dialbridge(&["open", "--install"]).await?;
    let scene = Scene::new(rig, &desk).await?;
    a_link_in_a_page_opens_the_program_and_calls(&scene).await.context("votel link")?;
    scene.sign_in().await?;
    what_nobody_sees_places_no_call(&scene).await?;
    a_frame_shows_no_page_of_ours(&scene).await?;
    a_navigation_that_a_script_makes_asks_the_person_first(&scene).await.context("script")?;
    a_click_on_a_link_of_a_stranger_asks_and_the_answer_calls_once(&scene).await.context("stranger")?;
    a_click_on_a_link_of_a_listed_crm_calls(&scene).await.context("crm")?;
    scene.browser.close().await
}

on_22! {
    pages => super::pages_and_their_links;
}
