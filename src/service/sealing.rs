//! What a service needs to seal lines: a writer that waits for room, for the recipients that somebody pinned, and the
//! lines of the last minutes.

use std::{
    env,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::sleep,
    time::Duration,
};

use super::{
    board::{Board, Level, Say},
    clock,
    config::{Config, Kind},
    outlet::OpenWriter,
    room::Stop,
};
use crate::{
    privacy::ring::Ring,
    quarantine::{
        QuarantineError,
        disk::Disk,
        recipients::Recipients,
        store::{SEGMENT_SECONDS, SEGMENT_SECONDS_ONCE, WhenFull, Writer},
    },
};

/// How long is waited before a full quarantine is tried again.
const PATIENCE: Duration = Duration::from_millis(200);

/// How the quarantine's writer is opened, if there is a quarantine.
pub(super) fn open_writer(
    config: &Config,
    sheds: Option<bool>,
    stop: &Arc<Stop>,
    board: &Arc<Board>,
    say: &Say,
) -> Option<OpenWriter> {
    let folder = config.quarantine.as_ref()?.dir.clone();
    let sheds = sheds?;
    let (stop, board, say) = (Arc::clone(stop), Arc::clone(board), Arc::clone(say));
    let path = folder.clone();
    let can_be_read_again = |kind: Kind| matches!(kind, Kind::File | Kind::Journald);
    let seconds = match config.sources.iter().all(|source| can_be_read_again(source.kind)) {
        true => SEGMENT_SECONDS,
        false => SEGMENT_SECONDS_ONCE,
    };
    let open = move || {
        let waits = patient(&path, &stop, &board, &say);
        loop {
            let when_full = if sheds { WhenFull::Shed } else { waits.clone() };
            match (Writer::open(&Disk::default(), &path, when_full, clock()), &waits) {
                // What a crash left is put in order first, and that is told in the manifest.
                (Err(error), WhenFull::Block(wait)) if !sheds && error.is_full() && wait() => {}
                (opened, _) => {
                    let writer = opened?;
                    return pinned(&path, &writer).map(|()| writer.with_segment_seconds(seconds));
                }
            }
        }
    };
    Some((folder, Box::new(open)))
}

/// Whether the quarantine is for those whom the credential of that name names, where systemd brought one: who may write
/// to the folder must not be able to add a reader.
fn pinned(folder: &Path, writer: &Writer) -> Result<(), QuarantineError> {
    let Some(credentials) = env::var_os("CREDENTIALS_DIRECTORY") else { return Ok(()) };
    let credential = Path::new(&credentials).join("recipients");
    if credential.exists() && Recipients::read(&credential)?.hash() != writer.recipients().hash() {
        return Err(QuarantineError::OtherRecipients(folder.to_owned()));
    }
    Ok(())
}

/// Waits for room, says so once, and gives up when the service does.
fn patient(path: &Path, stop: &Arc<Stop>, board: &Arc<Board>, say: &Say) -> WhenFull {
    let (stop, board, say) = (Arc::clone(stop), Arc::clone(board), Arc::clone(say));
    let what = format!(
        "there is no room for the quarantine {}; sources wait until there is",
        path.display()
    );
    let was_said = AtomicBool::new(false);
    WhenFull::Block(Arc::new(move || {
        if !was_said.swap(true, Ordering::SeqCst) {
            say(Level::Warning, &what);
        }
        board.wait("quarantine");
        sleep(PATIENCE);
        board.go_on();
        !stop.gives_up()
    }))
}

/// The lines of the last minutes, if they are wanted and can be kept.
pub(super) fn ring(config: &Config, say: &Say) -> Option<Ring> {
    let look_back = config.quarantine.as_ref()?.look_back?;
    let bytes = usize::try_from(look_back.bytes).unwrap_or(usize::MAX);
    match Ring::new(bytes, i64::from(look_back.minutes) * 60) {
        Ok(ring) => Some(ring),
        Err(error) => {
            say(Level::Warning, &format!("quarantine.look_back is off: {error}"));
            None
        }
    }
}
