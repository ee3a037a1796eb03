//! Standard input and output as what they are: pipes, sockets, or something that blocks.

use tokio::io::{AsyncRead, AsyncWrite};

/// The reading half.
pub(super) type Input = Box<dyn AsyncRead + Send + Unpin>;
/// The writing half.
pub(super) type Output = Box<dyn AsyncWrite + Send + Unpin>;

/// The process's standard streams.
///
/// Pipes and sockets are driven by the runtime itself, which is faster and lets a signal end the
/// process; a terminal or a file falls back to blocking threads.
pub fn standard_streams() -> (Input, Output) {
    #[cfg(unix)]
    if let Some((input, output)) = sockets() {
        return (Box::new(input), Box::new(output));
    }
    let (input, output) = rmcp::transport::stdio_pipes();
    (Box::new(input), Box::new(output))
}

/// Node-based clients hand their children sockets instead of pipes.
#[cfg(unix)]
fn sockets() -> Option<(tokio::net::UnixStream, tokio::net::UnixStream)> {
    use std::{
        fs::File,
        os::{
            fd::{AsFd, BorrowedFd, OwnedFd},
            unix::{fs::FileTypeExt, net::UnixStream},
        },
    };

    fn socket(stream: BorrowedFd<'_>) -> Option<tokio::net::UnixStream> {
        let file = File::from(stream.try_clone_to_owned().ok()?);
        if !file.metadata().ok()?.file_type().is_socket() {
            return None;
        }
        let socket = UnixStream::from(OwnedFd::from(file));
        socket.set_nonblocking(true).ok()?;
        tokio::net::UnixStream::from_std(socket).ok()
    }

    Some((socket(std::io::stdin().as_fd())?, socket(std::io::stdout().as_fd())?))
}
