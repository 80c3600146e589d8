//! Bytes on the wire: what slow, greedy, confused and impatient clients meet.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::body::Body;
use axum::routing::{any, get};
use axum::{Extension, Router};
use rustls::pki_types::pem::PemObject;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::rig::Watch;
use crate::config::TlsConfig;
use crate::http::client::Wire;
use crate::http::serve::Talk;
use crate::http::{Crowd, Listener, Peer, serve, tls};

const REQUEST: &str = "GET /hello HTTP/1.1\r\nhost: x\r\n\r\n";

fn router() -> Router {
    let endless =
        || async { Body::from_stream(futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>("x".repeat(999)))) };
    let slow = || async {
        sleep(Duration::from_millis(200)).await;
        "slow"
    };
    let stuck = || async { sleep(Duration::from_hours(1)).await };
    Router::new()
        .route("/hello", any(|body: String| async move { format!("hello {body}") }))
        .route("/wire", get(|Extension(wire): Extension<Wire>| async move { format!("{wire:?}") }))
        .route("/panic", get(|| async { assert_eq!(1, 2, "planted") }))
        .route("/endless", get(endless))
        .route("/slow", get(slow))
        .route("/stuck", get(stuck))
}

/// A client's end of a connection in memory, which lives in simulated time.
fn client() -> DuplexStream {
    let (near, far) = duplex(256);
    let place = Crowd::new(1, Vec::new()).enter(Peer::Local).unwrap();
    let talk = Talk { router: router(), from: (Peer::Local, Wire::Plain), stop: CancellationToken::new(), place };
    tokio::spawn(talk.over(far));
    near
}

async fn all<S: AsyncRead + Unpin>(stream: &mut S) -> String {
    let mut bytes = Vec::new();
    // A reset ends the conversation just as well.
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8(bytes).unwrap()
}

/// One answer with the body `hello …`.
async fn answer<S: AsyncRead + Unpin>(stream: &mut S) -> String {
    let mut bytes = Vec::new();
    while !String::from_utf8_lossy(&bytes).contains("\r\n\r\nhello") {
        let mut piece = [0; 1024];
        let read = stream.read(&mut piece).await.unwrap();
        assert!(read > 0, "closed after {:?}", String::from_utf8_lossy(&bytes));
        bytes.extend_from_slice(&piece[..read]);
    }
    String::from_utf8(bytes).unwrap()
}

async fn said<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, request: &str) -> String {
    let (mut read, mut write) = tokio::io::split(stream);
    let (answer, _) = tokio::join!(all(&mut read), write.write_all(request.as_bytes()));
    answer
}

#[tokio::test(start_paused = true)]
async fn a_head_that_trickles_is_cut_off_after_ten_seconds() {
    let (mut client, started) = (client(), Watch::start());
    client.write_all(b"GET /hello HTTP/1.1\r\nx: ").await.unwrap();
    while client.write_all(b"x").await.is_ok() {
        sleep(Duration::from_secs(1)).await;
    }
    assert!(started.elapsed() <= Duration::from_secs(12), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn whoever_says_nothing_at_all_is_cut_off_after_ten_seconds() {
    let (mut client, started) = (client(), Watch::start());
    assert_eq!(all(&mut client).await, "");
    assert_eq!(started.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_may_rest_for_thirty_seconds() {
    let mut client = client();
    client.write_all(REQUEST.as_bytes()).await.unwrap();
    answer(&mut client).await;
    sleep(Duration::from_secs(25)).await;
    client.write_all(REQUEST.as_bytes()).await.unwrap();
    answer(&mut client).await;
    let idle = Watch::start();
    assert_eq!(all(&mut client).await, "");
    assert_eq!(idle.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_second_head_that_trickles_is_cut_off_too() {
    let mut client = client();
    client.write_all(REQUEST.as_bytes()).await.unwrap();
    answer(&mut client).await;
    let started = Watch::start();
    while client.write_all(b"G").await.is_ok() {
        sleep(Duration::from_secs(1)).await;
    }
    assert!(started.elapsed() <= Duration::from_secs(12), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_no_answer_is_cut_off() {
    let (mut client, started) = (client(), Watch::start());
    client.write_all(b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    sleep(Duration::from_secs(11)).await;
    let rest = all(&mut client.take(4096)).await;
    assert!(
        rest.len() < 1024 && started.elapsed().as_secs() <= 11,
        "{} bytes after {:?}",
        rest.len(),
        started.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_that_takes_too_long_is_answered_for_it() {
    let (mut client, started) = (client(), Watch::start());
    client.write_all(b"GET /stuck HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    assert!(all(&mut client).await.starts_with("HTTP/1.1 503"));
    assert_eq!(started.elapsed().as_secs(), 20);
}

#[tokio::test]
async fn heads_beyond_the_limits_are_refused() {
    let many = "x: 1\r\n".repeat(65);
    for (head, status) in [
        (format!("GET /hello HTTP/1.1\r\n{many}\r\n"), "431"),
        (format!("GET /hello HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(40_000)), "431"),
        (format!("GET /hello?{} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", "x".repeat(17_000)), "414"),
    ] {
        let answer = said(&mut client(), &head).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{status}: {answer}");
    }
}

#[tokio::test]
async fn requests_in_one_breath_are_answered_in_order() {
    let first = "POST /hello HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\none";
    let second = "POST /hello HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 3\r\n\r\ntwo";
    let answers = said(&mut client(), &format!("{first}{second}")).await;
    let (one, two) = (answers.find("hello one").unwrap(), answers.find("hello two").unwrap());
    assert!(one < two && answers.matches("HTTP/1.1 200").count() == 2, "{answers}");
}

#[tokio::test]
async fn no_second_request_is_smuggled_in() {
    let hidden = "GET /hello HTTP/1.1\r\nhost: hidden\r\n\r\n";
    for head in [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
        "content-length: 0\r\ncontent-length: 5\r\n\r\n",
        "content-length: +5\r\n\r\n",
        "content-length: 5, 6\r\n\r\n",
        "transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding : chunked\r\n\r\n0\r\n\r\n",
        "x: a\r\n b\r\ncontent-length: 5\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\nzz\r\n",
        "transfer-encoding: chunked\r\n\r\n-1\r\n",
        "transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    ] {
        let answer = said(&mut client(), &format!("POST /hello HTTP/1.1\r\nhost: x\r\n{head}{hidden}")).await;
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{head:?}: {answer}");
        let ends_here = answer.starts_with("HTTP/1.1 400") || answer.contains("connection: close");
        assert!(ends_here, "{head:?}: {answer}");
    }
}

#[tokio::test]
async fn http_2_and_tls_are_not_spoken_on_the_plain_port() {
    for greeting in ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\r\n\r\n"] {
        let answer = said(&mut client(), greeting).await;
        assert!(!answer.contains("200"), "{answer}");
    }
}

#[tokio::test]
async fn a_panic_is_an_error_of_that_request_alone() {
    let requests = "GET /panic HTTP/1.1\r\nhost: x\r\n\r\nGET /hello HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let answers = said(&mut client(), requests).await;
    assert!(answers.starts_with("HTTP/1.1 500") && answers.contains("hello"), "{answers}");
}

struct Server {
    address: std::net::SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

async fn server(max_connections: usize) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let task =
        tokio::spawn(serve(Listener::Tcp(listener), router(), Crowd::new(max_connections, Vec::new()), stop.clone()));
    Server { address, stop, task }
}

#[tokio::test]
async fn stopping_drops_no_request_that_was_accepted() {
    let server = server(100).await;
    let request = b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = TcpStream::connect(server.address).await.unwrap();
        client.write_all(request).await.unwrap();
        clients.push(client);
    }
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(REQUEST.as_bytes()).await.unwrap();
    answer(&mut idle).await;
    server.stop.cancel();
    for client in &mut clients {
        assert!(all(client).await.ends_with("slow"));
    }
    assert_eq!(all(&mut idle).await, "");
    server.task.await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn a_full_house_says_so() {
    let server = server(1).await;
    let mut inside = TcpStream::connect(server.address).await.unwrap();
    inside.write_all(REQUEST.as_bytes()).await.unwrap();
    answer(&mut inside).await;
    let mut outside = TcpStream::connect(server.address).await.unwrap();
    let refusal = all(&mut outside).await;
    assert!(refusal.starts_with("HTTP/1.1 503") && refusal.contains("Retry-After: 1"), "{refusal}");
    drop(inside);
    loop {
        let mut next = TcpStream::connect(server.address).await.unwrap();
        if said(&mut next, "GET /hello HTTP/1.0\r\n\r\n").await.contains("hello") {
            break;
        }
    }
}

#[tokio::test]
async fn the_unix_socket_is_served_the_same_way() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("admin.sock");
    let (listener, stop) = (UnixListener::bind(&path).unwrap(), CancellationToken::new());
    let task = tokio::spawn(serve(Listener::Unix(listener), router(), Crowd::new(10, Vec::new()), stop.clone()));
    let mut client = UnixStream::connect(&path).await.unwrap();
    assert!(said(&mut client, "GET /hello HTTP/1.0\r\n\r\n").await.contains("hello"));
    stop.cancel();
    task.await.unwrap();
}

fn fixture(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/tests").join(name)
}

#[tokio::test]
async fn tls_is_spoken_where_it_is_configured() {
    let config = TlsConfig { certificate: fixture("localhost.crt"), key: fixture("localhost.key") };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let listener = Listener::Tls(listener, Arc::new(ArcSwap::new(tls::server_config(&config).unwrap())));
    tokio::spawn(serve(listener, router(), Crowd::new(10, Vec::new()), CancellationToken::new()));

    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from_pem_file(&config.certificate).unwrap()).unwrap();
    let client = rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
    let stream = TcpStream::connect(address).await.unwrap();
    let mut stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
    let answer = said(&mut stream, "GET /wire HTTP/1.0\r\n\r\n").await;
    assert!(answer.ends_with("Tls") && answer.contains("strict-transport-security: max-age="), "{answer}");
}

#[tokio::test]
async fn what_came_in_clear_is_known_as_such() {
    let (mut near, far) = duplex(4096);
    let place = Crowd::new(1, Vec::new()).enter(Peer::Local).unwrap();
    let talk = Talk { router: router(), from: (Peer::Local, Wire::Plain), stop: CancellationToken::new(), place };
    tokio::spawn(talk.over(far));
    let answer = said(&mut near, "GET /wire HTTP/1.0\r\n\r\n").await;
    assert!(answer.ends_with("Plain") && !answer.contains("strict-transport-security"), "{answer}");
}

#[test]
fn a_certificate_that_is_not_there_is_named() {
    let config = TlsConfig { certificate: "/nowhere/a.crt".into(), key: "/nowhere/a.key".into() };
    let Err(error) = tls::server_config(&config) else { panic!("there is no such file") };
    assert!(error.to_string().contains("/nowhere/a.crt"), "{error}");
}
