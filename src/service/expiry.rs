//! What has been kept for long enough is destroyed: outputs that were rotated away, and sealed segments.
//!
//! What time it is must be believed first: see [`super::trust`].

use super::{board::Level, error::ServiceError, outlet::Outlet};
use crate::quarantine::{
    QuarantineError,
    disk::Disk,
    expire::{self, Witness},
    layout::Layout,
    store::Now,
};

impl Outlet {
    /// Looks whether the clock was set, and says so.
    pub(super) fn look_at_clock(&mut self) {
        let Now { unix, steady } = (self.clock)();
        if let Some(set_by) = self.trust.look(unix, steady) {
            let what = format!(
                "the clock was set by {set_by} seconds: nothing is destroyed for being old within the next 24 hours; \
                 see that it is right"
            );
            (self.say)(Level::Warning, &what);
            self.is_dirty = true;
        }
    }

    /// Destroys what has been kept for long enough: files that were rotated away, and sealed segments.
    pub(super) fn expire(&mut self) {
        if self.is_over() {
            return;
        }
        self.look_at_clock();
        if !self.trust.is_given() {
            return;
        }
        self.expire_output((self.clock)().unix, self.rules.records_days);
        if let Some(days) = self.rules.sealed_days
            && let Err(error) = self.expire_sealed(days)
        {
            self.fail(ServiceError::Quarantine(error));
        }
    }

    pub(super) fn expire_output(&self, now: i64, days: Option<u32>) {
        match self.output.expire(now, days) {
            Ok((removed, ahead)) => {
                if removed > 0 {
                    let what = format!("removed {removed} earlier files of the output");
                    (self.say)(Level::Info, &what);
                }
                if days.is_some() && ahead > 0 {
                    let what = format!(
                        "{ahead} earlier files of {} have a time in their names that is still to come, and stay until \
                         then and as long again: see whether the clock was wrong, and remove them yourself",
                        self.output.place().display()
                    );
                    (self.say)(Level::Warning, &what);
                }
            }
            Err(error) => {
                let place = self.output.place();
                let what = format!("cannot remove earlier files of {}: {error}", place.display());
                (self.say)(Level::Warning, &what);
            }
        }
    }

    /// The writer stands aside for that: the manifest has one writer.
    fn expire_sealed(&mut self, days: u32) -> Result<(), QuarantineError> {
        let (Some(mut writer), Some(open)) = (self.writer.take(), &self.open_writer) else {
            return Ok(());
        };
        let now = (self.clock)();
        writer.settle(now)?;
        writer.finish(now)?;
        let layout = Layout::new(&open.0);
        let (disk, witness) = (Disk::default(), Witness::Service);
        match expire::expire(&disk, &layout, (now.unix, now.unix), days, witness) {
            Ok(expired) if expired.destroyed.is_empty() => {}
            Ok(expired) => {
                let what = format!(
                    "destroyed {} sealed segments after {days} days",
                    expired.destroyed.len()
                );
                (self.say)(Level::Notice, &what);
            }
            Err(error) => return Err(error),
        }
        let writer = (open.1)()?;
        self.note_sealed();
        self.writer = Some(writer);
        self.is_dirty = true;
        Ok(())
    }
}
