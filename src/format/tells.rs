//! What a variable of nginx or a directive of Apache can tell of a person, for those who choose what to log.

/// What a value in a log can tell of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tells {
    /// Nothing.
    Nothing,
    /// When they came.
    Time,
    /// Where their computer is.
    Address,
    /// Who they are, or where they live.
    Person,
    /// What they asked for or said, which may name anybody.
    Content,
    /// Which lines, here or in other logs, are of the same person or request.
    Link,
    /// Something of the server only.
    Server,
}
