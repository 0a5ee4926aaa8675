//! Becoming somebody else: the logger of a server that runs as root needs nothing of root.

use anyhow::Result;
use nix::unistd::{User, getuid, initgroups, setgid, setuid};

use super::Usage;

/// Becomes `name` for good, which only root can. Who is that already stays.
pub(super) fn become_user(name: &str) -> Result<()> {
    let failed = |what: &str| Usage(format!("cannot become the user {name}: {what}"));
    let user = User::from_name(name)
        .map_err(|error| failed(error.desc()))?
        .ok_or_else(|| failed("there is no such user; make one, such as with systemd-sysusers"))?;
    if getuid() == user.uid {
        return Ok(());
    }
    if !getuid().is_root() {
        return Err(failed("only root can; leave --user out").into());
    }
    let c_name = std::ffi::CString::new(name).map_err(|_| failed("the name has a zero in it"))?;
    initgroups(&c_name, user.gid)
        .and_then(|()| setgid(user.gid))
        .and_then(|()| setuid(user.uid))
        .map_err(|error| failed(error.desc()))?;
    // There is no way back.
    if !user.uid.is_root() && setuid(nix::unistd::Uid::from_raw(0)).is_ok() {
        return Err(failed("root could be had again afterwards").into());
    }
    Ok(())
}
