//! The sources of a configuration, opened: nothing is read of them yet.

use std::{fs::File, sync::Arc};

use tokio::sync::mpsc::Sender;

use super::{
    LINE_BYTES_MAX, SourceWay,
    board::Board,
    config::{self, Config, Kind, MetricsSection, Place, SourceSection},
    error::ServiceError,
    follow::Watched,
    gather::Pool,
    journal::Journal,
    listen::Way,
    pipes,
    sockets::{self, Given, Socket},
    state::Point,
    work::Item,
};

/// Where lines go, and what is known of the last run.
pub(super) struct Onward<'a> {
    pub(super) items: &'a Sender<Item>,
    pub(super) pool: &'a Arc<Pool>,
    pub(super) board: &'a Board,
    pub(super) point: &'a Point,
}

/// A pipe that is read on a thread of its own.
pub(super) struct Pipe {
    pub(super) file: File,
    pub(super) way: Way,
    /// Whether it is read to its end also when the service ends.
    pub(super) to_the_end: bool,
}

/// See above.
#[derive(Default)]
pub(super) struct Sources {
    pub(super) watched: Vec<Watched>,
    pub(super) sockets: Vec<(Socket, Way)>,
    pub(super) pipes: Vec<Pipe>,
    pub(super) journals: Vec<(Journal, Way)>,
    /// Where it is asked how the service is.
    pub(super) metrics: Vec<Socket>,
}

impl Sources {
    pub(super) fn open(
        config: &Config,
        ways: Vec<SourceWay>,
        onward: &Onward<'_>,
    ) -> Result<Self, ServiceError> {
        let mut given = Given::take();
        let mut sources = Self::default();
        for (number, (source, way)) in config.sources.iter().zip(ways).enumerate() {
            sources.add(number, source, way, onward, &mut given)?;
        }
        if let Some(metrics) = &config.metrics {
            sources.metrics = open_metrics(metrics, &mut given)?;
        }
        Ok(sources)
    }

    fn add(
        &mut self,
        number: usize,
        source: &SourceSection,
        SourceWay { choice, site }: SourceWay,
        onward: &Onward<'_>,
        given: &mut Given,
    ) -> Result<(), ServiceError> {
        let facts = Arc::clone(&onward.board.sources[number]);
        if let (Kind::File, Some(path)) = (source.kind, &source.path) {
            self.watched.push(Watched { pattern: path.clone(), choice, site, facts });
            return Ok(());
        }
        let way = Way {
            items: onward.items.clone(),
            pool: Arc::clone(onward.pool),
            choice,
            line_bytes_max: LINE_BYTES_MAX,
            site,
            // As it is called where its lines are sealed.
            name: format!("{}-{}", source.kind.word(), number + 1).into(),
            facts,
            confirms: source.confirm,
        };
        match (source.kind, &source.listen, &source.path) {
            (Kind::Journald, ..) => {
                let Point { entries, sealed_entries, .. } = onward.point;
                self.journals.push((Journal::open(source, entries, sealed_entries)?, way));
            }
            (_, Some(listen), _) => {
                for socket in sockets::open(&read_place(listen), source.kind, given)? {
                    self.sockets.push((socket, way.clone()));
                }
            }
            (_, None, Some(path)) => {
                self.pipes.push(Pipe { file: pipes::open(path)?, way, to_the_end: false });
            }
            (_, None, None) => {
                self.pipes.push(Pipe { file: pipes::stdin()?, way, to_the_end: true });
            }
        }
        Ok(())
    }
}

fn open_metrics(metrics: &MetricsSection, given: &mut Given) -> Result<Vec<Socket>, ServiceError> {
    let place = read_place(&metrics.listen);
    let kind = if matches!(place, Place::Address(_)) { Kind::Tcp } else { Kind::UnixStream };
    let found = sockets::open(&place, kind, given);
    if found.is_err() && matches!(place, Place::Systemd(_)) {
        return sockets::open(&place, Kind::Tcp, given);
    }
    found
}

fn read_place(text: &str) -> Place {
    config::place(text, "listen").expect("the configuration was checked")
}
