//! How the service is, for whoever asks over HTTP: `/metrics` as Prometheus reads it, `/health`, and `/status` for
//! `tamis status`. On a unix socket or an address of this machine alone.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, UnixListener},
    time::timeout,
};

use super::board::Board;

/// How much of a request is read. What is asked stands in its first line.
const REQUEST_BYTES: usize = 2_048;
/// How long somebody who asks has for it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where somebody may ask.
pub(super) enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

/// Answers whoever asks.
pub(super) async fn serve(listener: Listener, board: Arc<Board>) {
    loop {
        let done = match &listener {
            Listener::Unix(listener) => match listener.accept().await {
                Ok((stream, _)) => Ok(timeout(PATIENCE, answer(stream, &board)).await),
                Err(error) => Err(error),
            },
            Listener::Tcp(listener) => match listener.accept().await {
                Ok((stream, _)) => Ok(timeout(PATIENCE, answer(stream, &board)).await),
                Err(error) => Err(error),
            },
        };
        if done.is_err() {
            tokio::time::sleep(PATIENCE / 10).await;
        }
    }
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, board: &Board) -> io::Result<()> {
    let mut request = [0; REQUEST_BYTES];
    let mut length = 0;
    while length < REQUEST_BYTES
        && !request[..length].windows(2).any(|end| end == b"\n\r" || end == b"\n\n")
    {
        match stream.read(&mut request[length..]).await? {
            0 => break,
            count => length += count,
        }
    }
    let line =
        request[..length].split(|byte| *byte == b'\r' || *byte == b'\n').next().unwrap_or_default();
    let path = line.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    let (status, kind, body) = match path {
        _ if !line.starts_with(b"GET ") => {
            ("405 Method Not Allowed", TEXT, "only GET\n".to_owned())
        }
        b"/metrics" => ("200 OK", "text/plain; version=0.0.4; charset=utf-8", board.prometheus()),
        b"/status" => ("200 OK", "application/json", board.json()),
        b"/health" | b"/" if board.is_healthy() => ("200 OK", TEXT, "good\n".to_owned()),
        b"/health" | b"/" => ("503 Service Unavailable", TEXT, board.status() + "\n"),
        _ => ("404 Not Found", TEXT, "there is /metrics, /health and /status\n".to_owned()),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

const TEXT: &str = "text/plain; charset=utf-8";
