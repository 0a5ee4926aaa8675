//! The way of records that were held: out of the batches, through the release, to the sink.
//!
//! This is done in the turn of a batch, so that it sees lines in the order of the input. What a period becomes is
//! written in pieces: a whole one may be larger than memory should be.

use crate::{
    counts::{Counts, Recorder},
    emit::{Emitter, Rendered},
    privacy::{Held, Record, Release},
    sink::{Sink, SinkError},
};

use super::Tally;

/// How many bytes are rendered before they are written.
const PIECE_BYTES: usize = 1 << 18;

/// What holds records and renders those that are released.
pub struct Releasing {
    release: Release,
    emitter: Emitter,
    rendered: Rendered,
}

/// Where released records go.
pub(super) struct Outlet<'a> {
    pub(super) sink: &'a mut Sink,
    pub(super) counts: Option<&'a mut Counts>,
    pub(super) recorder: Option<&'a mut Recorder>,
    pub(super) tally: &'a mut Tally,
}

impl Releasing {
    /// A release whose records are rendered by `emitter`.
    #[must_use]
    pub fn new(release: Release, emitter: Emitter) -> Self {
        Self { release, emitter, rendered: Rendered::default() }
    }

    /// Takes what a batch holds, or what is left where there is no batch any more, and writes what is over by it.
    pub(super) fn pass(
        &mut self,
        held: Option<&mut Held>,
        outlet: Outlet<'_>,
    ) -> Result<(), SinkError> {
        let Self { release, emitter, rendered } = self;
        let Outlet { sink, mut counts, mut recorder, tally } = outlet;
        let mut receive = |record: &Record<'_>| {
            emitter.render(record, rendered);
            if let Some(counts) = &mut counts {
                counts.add(record);
            }
            if let Some(recorder) = &mut recorder {
                recorder.add(record);
            }
            match rendered.as_bytes().len() {
                ..PIECE_BYTES => Ok(()),
                PIECE_BYTES.. => write(rendered, sink, &mut tally.bytes_out),
            }
        };
        let released = match held {
            Some(held) => release.absorb(held, &mut receive),
            None => release.finish(&mut receive),
        }?;
        write(rendered, sink, &mut tally.bytes_out)?;
        tally.release(released);
        Ok(())
    }
}

fn write(rendered: &mut Rendered, sink: &mut Sink, bytes_out: &mut u64) -> Result<(), SinkError> {
    sink.write(rendered)?;
    *bytes_out += rendered.as_bytes().len() as u64;
    rendered.clear();
    Ok(())
}
