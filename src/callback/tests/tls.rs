//! TLS, with certificates of our own: an authority, and `localhost` signed by it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::HeaderMap;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{client, loopback};
use crate::callback::Client;
use crate::callback::retry::Met;

const AUTHORITY: &[u8] = include_bytes!("certificates/ca.pem");
const CERTIFICATE: &[u8] = include_bytes!("certificates/localhost.pem");
const KEY: &[u8] = include_bytes!("certificates/localhost.key");

async fn receiver() -> SocketAddr {
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE).unwrap();
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(ring).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let Ok(mut socket) = acceptor.accept(socket).await else { continue };
            let _ = socket.read(&mut [0; 4096]).await;
            let _ = socket.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
            let _ = socket.shutdown().await;
        }
    });
    address
}

fn trusting() -> Client {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(AUTHORITY).unwrap()).unwrap();
    Client::trusting(roots, loopback(), Duration::from_secs(15)).unwrap()
}

async fn post(client: &Client, url: String) -> Met {
    client.post(&url, HeaderMap::new(), "a=b".to_owned()).await.met
}

#[tokio::test]
async fn a_receiver_with_a_certificate_for_its_name_is_talked_to() {
    let port = receiver().await.port();
    let met = post(&trusting(), format!("https://localhost:{port}/")).await;
    assert_eq!(met, Met::Status { code: 204, retry_after: None });
}

#[tokio::test]
async fn another_name_or_an_unknown_authority_is_no_answer() {
    let address = receiver().await;
    let other_name = post(&trusting(), format!("https://{address}/")).await;
    let unknown = post(&client(), format!("https://localhost:{}/", address.port())).await;
    for met in [other_name, unknown] {
        assert!(matches!(&met, Met::Unreachable(why) if why.starts_with("TLS")), "{met:?}");
    }
}
