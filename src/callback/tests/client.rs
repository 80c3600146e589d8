//! What the client makes of receivers of all kinds.

use std::time::Duration;

use hyper::header::HeaderMap;

use super::sink::{Reply, Sink, nobody};
use super::{client, loopback};
use crate::callback::Client;
use crate::callback::client::Answer;
use crate::callback::guard::Guard;
use crate::callback::retry::Met;

async fn post(client: &Client, url: &str) -> Answer {
    client.post(url, HeaderMap::new(), "a=b".to_owned()).await
}

async fn answer(reply: Reply) -> Answer {
    let sink = Sink::new(vec![reply]).await;
    post(&client(), &sink.url()).await
}

fn status(answer: &Answer) -> Option<u16> {
    match &answer.met {
        Met::Status { code, .. } => Some(*code),
        Met::Unreachable(_) | Met::Forbidden(_) => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_is_a_plain_post_with_our_name_on_it() {
    let sink = Sink::new(vec![]).await;
    let url = format!("{}/a%20b?x=[n|v]&y=\u{fc}#fragment", sink.url());
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/json".parse().unwrap());
    let answer = client().post(&url, headers, "{\"ü\":1}".to_owned()).await;
    assert_eq!((status(&answer), answer.note.as_str()), (Some(200), "so be it"));
    let received = &sink.received()[0];
    assert!(received.head.starts_with("POST /hook/a%20b?x=[n%7Cv]&y=%C3%BC HTTP/1.1\r\n"), "{}", received.head);
    assert_eq!(received.body, "{\"ü\":1}");
    assert_eq!(received.header("host"), Some(sink.address.to_string().as_str()));
    assert_eq!(received.header("content-length"), Some("8"));
    assert_eq!(received.header("content-type"), Some("application/json"));
    assert!(received.header("user-agent").unwrap().starts_with("dialbridge/"));
    for absent in ["accept-encoding", "cookie", "transfer-encoding", "proxy-connection"] {
        assert_eq!(received.header(absent), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_an_answer_like_any_other() {
    let target = Sink::new(vec![]).await;
    for code in [301, 302, 303, 307, 308] {
        let header = format!("location: {}\r\nset-cookie: a=b\r\n", target.url());
        assert_eq!(status(&answer(Reply::with(code, &header, "")).await), Some(code));
    }
    assert_eq!(target.received(), []);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_handed_on_as_it_came() {
    let met = answer(Reply::with(429, "Retry-After: 17\r\n", "")).await.met;
    assert_eq!(met, Met::Status { code: 429, retry_after: Some("17".to_owned()) });
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_never_answers_costs_the_time_limit() {
    let sink = Sink::new(vec![Reply::Stall(Vec::new())]).await;
    let clock = crate::clock::Clock::start();
    let begin = clock.now();
    let answer = post(&client(), &sink.url()).await;
    assert!(matches!(&answer.met, Met::Unreachable(why) if why.contains("15 s")), "{answer:?}");
    assert_eq!(clock.now().since(begin).as_secs(), 15);
}

#[tokio::test(start_paused = true)]
async fn a_status_that_was_read_stands_even_if_the_rest_never_comes() {
    for reply in [
        Reply::Stall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nthe beginning".to_vec()),
        Reply::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nthe beginning".to_vec()),
        Reply::Bytes(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nd\r\nthe beginning\r\nZZ\r\n".to_vec()),
    ] {
        let answer = answer(reply.clone()).await;
        assert_eq!((status(&answer), answer.note.as_str()), (Some(200), "the beginning"), "{reply:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn nonsense_is_no_answer() {
    for reply in [
        Reply::Reset,
        Reply::Bytes(Vec::new()),
        Reply::Bytes(b"SIP/2.0 200 OK\r\n\r\n".to_vec()),
        Reply::Bytes(b"\x16\x03\x01\x00\x00garbage\r\n\r\n".to_vec()),
        Reply::Bytes(b"HTTP/1.1 2000 OK\r\n\r\n".to_vec()),
        Reply::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello".to_vec()),
        Reply::Stall(b"HTTP/1.1 200 OK\r\nx: y".to_vec()),
    ] {
        let answer = answer(reply.clone()).await;
        assert!(matches!(answer.met, Met::Unreachable(_)), "{reply:?}: {answer:?}");
        assert!(!answer.note.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn headers_without_end_are_cut_off() {
    let mut flood = b"HTTP/1.1 200 OK\r\n".to_vec();
    flood.extend(format!("x: {}\r\n", "y".repeat(40_000)).into_bytes());
    let mut many = b"HTTP/1.1 200 OK\r\n".to_vec();
    many.extend("x: y\r\n".repeat(500).into_bytes());
    many.extend(b"\r\n");
    for reply in [Reply::Stall(flood), Reply::Stall(many)] {
        let answer = answer(reply).await;
        assert!(matches!(&answer.met, Met::Unreachable(why) if why.contains("HTTP")), "{answer:?}");
    }
}

#[tokio::test]
async fn informational_answers_without_end_are_cut_off_by_time() {
    let sink = Sink::new(vec![Reply::Flood(b"HTTP/1.1 100 Continue\r\n\r\n".repeat(64))]).await;
    let client = Client::new(loopback(), Duration::from_millis(300)).unwrap();
    assert!(matches!(post(&client, &sink.url()).await.met, Met::Unreachable(_)));
}

#[tokio::test(start_paused = true)]
async fn of_a_huge_answer_the_beginning_is_kept() {
    let endless = [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), "0123456789abcde\n".repeat(100_000).into_bytes()].concat();
    for reply in [Reply::Bytes(endless.clone()), Reply::Flood(endless)] {
        let answer = answer(reply).await;
        assert_eq!(status(&answer), Some(200));
        assert_eq!(answer.note, "0123456789abcde ".repeat(128));
    }
}

#[tokio::test(start_paused = true)]
async fn a_compressed_answer_is_not_unpacked() {
    let gzip = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n\x1f\x8b\x08\x00".to_vec();
    let answer = answer(Reply::Bytes(gzip)).await;
    assert_eq!(status(&answer), Some(200));
    assert_eq!(answer.note.chars().filter(|c| *c == char::REPLACEMENT_CHARACTER).count(), 4, "{:?}", answer.note);
}

#[tokio::test(start_paused = true)]
async fn control_characters_do_not_reach_a_log() {
    let body = "a\u{1b}[31mred\u{0}\r\nERROR forged\u{85}";
    assert_eq!(answer(Reply::with(500, "", body)).await.note, "a\u{fffd}[31mred\u{fffd}  ERROR forged\u{fffd}");
}

#[tokio::test(start_paused = true)]
async fn a_closed_port_is_no_answer() {
    let answer = post(&client(), &format!("http://{}/", nobody().await)).await;
    assert!(matches!(&answer.met, Met::Unreachable(why) if why.starts_with("connect")), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_forbidden_url_is_not_even_resolved() {
    let strict = Client::new(Guard::default(), Duration::from_secs(15)).unwrap();
    let sink = Sink::new(vec![]).await;
    for url in [sink.url(), "http://user:pass@crm.example/".to_owned(), "file:///etc/passwd".to_owned()] {
        assert!(matches!(post(&strict, &url).await.met, Met::Forbidden(_)), "{url}");
    }
    assert_eq!(sink.most_open(), 0);
}

#[tokio::test]
async fn a_name_that_leads_home_is_blocked_at_the_socket() {
    let sink = Sink::new(vec![]).await;
    let strict = Client::new(Guard::default(), Duration::from_secs(15)).unwrap();
    let why = strict.connect(vec![sink.address]).await.unwrap_err();
    assert!(why.contains("may not reach"), "{why}");
    assert_eq!(sink.most_open(), 0);
    assert!(client().connect(vec![sink.address]).await.is_ok(), "the allow-list opens the way");
}

#[tokio::test]
async fn localhost_is_home_before_anybody_is_asked_for_its_address() {
    let sink = Sink::new(vec![]).await;
    let strict = Client::new(Guard::default(), Duration::from_secs(15)).unwrap();
    let url = format!("http://localhost:{}/", sink.address.port());
    let answer = post(&strict, &url).await;
    assert!(matches!(&answer.met, Met::Forbidden(why) if why.contains("may not reach")), "{answer:?}");
    assert_eq!(sink.most_open(), 0);
    assert_eq!(status(&post(&client(), &url).await), Some(200), "the allow-list opens the way");
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_speaks_no_tls_is_no_answer() {
    let sink = Sink::new(vec![]).await;
    let answer = post(&client(), &format!("https://{}/", sink.address)).await;
    assert!(matches!(answer.met, Met::Unreachable(_)), "{answer:?}");
}
