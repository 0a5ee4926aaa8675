//! How the service is, for whoever asks over HTTP: `/metrics` as Prometheus reads it, `/health`, and `/status` for
//! `tamis status`. On a unix socket or an address of this machine alone.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, UnixListener},
    task::JoinSet,
    time::timeout,
};

use super::board::Board;

/// How much of a request is read. What is asked stands in its first line.
const REQUEST_BYTES: usize = 2_048;
/// How long somebody who asks has for it.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);
/// How long it rests when nobody can be let in, for example for want of descriptors.
const REST: Duration = Duration::from_millis(200);

/// Where somebody may ask.
pub(super) enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

/// How many are answered at a time. Others wait until one of these has its answer or no more time.
const ANSWERS_MAX: usize = 16;

/// Answers whoever asks, so that one who says nothing keeps nobody else waiting.
pub(super) async fn serve(listener: Listener, board: Arc<Board>, patience: Duration) {
    let mut answers = JoinSet::new();
    loop {
        while answers.try_join_next().is_some() {}
        if answers.len() >= ANSWERS_MAX {
            answers.join_next().await;
        }
        let board = Arc::clone(&board);
        let begun = match &listener {
            Listener::Unix(listener) => listener.accept().await.map(|(stream, _)| {
                answers.spawn(timeout(patience, answer(stream, board)));
            }),
            Listener::Tcp(listener) => listener.accept().await.map(|(stream, _)| {
                answers.spawn(timeout(patience, answer(stream, board)));
            }),
        };
        if begun.is_err() {
            tokio::time::sleep(REST).await;
        }
    }
}

async fn answer(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    board: Arc<Board>,
) -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    use tokio::net::UnixStream;

    use super::*;

    #[test]
    fn who_says_nothing_keeps_nobody_waiting() {
        let path = std::env::temp_dir().join(format!("tamis-ask-{}.sock", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let listener = Listener::Unix(UnixListener::bind(&path).expect("a socket"));
            let hour = Duration::from_secs(3_600);
            tokio::spawn(serve(listener, Board::new(&[]), hour));
            let mut silent = Vec::new();
            for _ in 1..ANSWERS_MAX {
                silent.push(UnixStream::connect(&path).await.expect("it listens"));
            }
            let mut asking = UnixStream::connect(&path).await.expect("it listens");
            asking.write_all(b"GET /nothing HTTP/1.1\r\n\r\n").await.expect("it reads");
            let mut text = String::new();
            asking.read_to_string(&mut text).await.expect("it answers");
            assert!(text.starts_with("HTTP/1.1 404 "), "{text}");
        });
        std::fs::remove_file(&path).expect("ours");
    }
}
