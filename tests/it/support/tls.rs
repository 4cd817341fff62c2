//! A proxy that ends TLS in front of a server, as one would in production.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// The certificate of `localhost`, its key, and who signed it.
const CERTIFICATE: &[u8] = include_bytes!("../../data/tls/server.pem");
const KEY: &[u8] = include_bytes!("../../data/tls/server.key");
pub(crate) const AUTHORITY: &str = include_str!("../../data/tls/authority.pem");

/// Starts a proxy for as long as the test runs; its port.
pub(crate) fn proxy(server: SocketAddr) -> u16 {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(CERTIFICATE).unwrap()],
            PrivateKeyDer::from_pem_slice(KEY).unwrap(),
        )
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let stream = StreamOwned::new(connection, client.unwrap());
            // A client that does not trust the certificate breaks off.
            std::thread::spawn(move || pass_on(stream, server));
        }
    });
    port
}

/// Passes one request on, and its answer back.
fn pass_on(
    mut client: StreamOwned<ServerConnection, TcpStream>,
    server: SocketAddr,
) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut part = [0; 4096];
    while !is_whole(&request) {
        match client.read(&mut part)? {
            0 => return Ok(()),
            read => request.extend_from_slice(&part[..read]),
        }
    }
    let mut upstream = TcpStream::connect(server)?;
    let line = 2 + request.windows(2).position(|two| two == b"\r\n").unwrap_or_default();
    upstream.write_all(&request[..line])?;
    upstream.write_all(b"Connection: close\r\n")?;
    upstream.write_all(&request[line..])?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer)?;
    client.write_all(&answer)?;
    client.conn.send_close_notify();
    client.flush()
}

fn is_whole(request: &[u8]) -> bool {
    let Some(head) = request.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let text = String::from_utf8_lossy(&request[..head]).to_ascii_lowercase();
    let length =
        text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    request.len() >= head + 4 + length.unwrap_or(0)
}
