//! Receive many datagrams in one system call.

use std::cell::RefCell;
use std::mem;
use std::ptr;

use libc::{c_int, c_void, iovec, mmsghdr, sockaddr_storage};

/// Why nothing more could be received.
pub enum Failure<E> {
    /// An errno.
    System(c_int),
    /// The function that took the datagrams raised this.
    Python(E),
}

/// The buffers for one call, which are kept for the next: usually half a megabyte.
#[derive(Default)]
struct Room {
    data: Vec<u8>,
    control: Vec<u8>,
    names: Vec<sockaddr_storage>,
    pieces: Vec<iovec>,
    headers: Vec<mmsghdr>,
}

thread_local! {
    static ROOM: RefCell<Room> = RefCell::default();
}

/// Pass up to *limit* waiting datagrams to *take*, each with its sender.
///
/// # Errors
///
/// Fails if the system reports an error; that nothing waits is not an error. Datagrams
/// received before an error are passed on first, because the system reports the error
/// again at the next call.
pub fn receive_many<E>(
    fd: c_int,
    size: usize,
    limit: usize,
    control: usize,
    mut take: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
) -> Result<(), Failure<E>> {
    ROOM.with_borrow_mut(|room| {
        room.prepare(size, limit, control);
        #[allow(clippy::cast_possible_truncation)] // the kernel takes at most 1024
        let wanted = limit.min(1024) as u32;
        let received = loop {
            // SAFETY: each header points at its own part of vectors of `room` that are
            // not touched until the call returns, and there are at least `wanted` of
            // them.
            let received = unsafe {
                libc::recvmmsg(
                    fd,
                    room.headers.as_mut_ptr(),
                    wanted,
                    libc::MSG_DONTWAIT,
                    ptr::null_mut(),
                )
            };
            if let Ok(received) = usize::try_from(received) {
                break received;
            }
            // SAFETY: it is this thread's errno.
            match unsafe { *libc::__errno_location() } {
                libc::EAGAIN => return Ok(()),
                // Something may wait nevertheless.
                libc::EINTR => {}
                number => return Err(Failure::System(number)),
            }
        };
        for index in 0..received {
            let header = &room.headers[index];
            let data = &room.data[index * size..][..(header.msg_len as usize).min(size)];
            let sender = if control > 0 {
                find_credentials(header)
            } else {
                name_bytes(&room.names[index], header.msg_hdr.msg_namelen as usize)
            };
            take(data, sender).map_err(Failure::Python)?;
        }
        Ok(())
    })
}

impl Room {
    fn prepare(&mut self, size: usize, limit: usize, control: usize) {
        self.data.resize(self.data.len().max(size * limit), 0);
        self.control.resize(self.control.len().max(control * limit), 0);
        // SAFETY: all zeros is a value of these three types of C.
        let (name, piece, header) = unsafe { (mem::zeroed(), mem::zeroed(), mem::zeroed()) };
        self.names.resize(self.names.len().max(limit), name);
        self.pieces.resize(self.pieces.len().max(limit), piece);
        self.headers.resize(self.headers.len().max(limit), header);
        for index in 0..limit {
            self.pieces[index] = iovec {
                iov_base: self.data[index * size..].as_mut_ptr().cast::<c_void>(),
                iov_len: size,
            };
            let header = &mut self.headers[index].msg_hdr;
            header.msg_iov = &raw mut self.pieces[index];
            header.msg_iovlen = 1;
            header.msg_name = (&raw mut self.names[index]).cast::<c_void>();
            #[allow(clippy::cast_possible_truncation)] // 128
            let length = mem::size_of::<sockaddr_storage>() as u32;
            header.msg_namelen = length;
            header.msg_control = if control == 0 {
                ptr::null_mut()
            } else {
                self.control[index * control..].as_mut_ptr().cast::<c_void>()
            };
            header.msg_controllen = control as _;
            header.msg_flags = 0;
        }
    }
}

/// Return the first credentials of a datagram, in the kernel's layout.
fn find_credentials(header: &mmsghdr) -> &[u8] {
    #[allow(clippy::cast_possible_truncation)] // 12
    const LENGTH: u32 = mem::size_of::<libc::ucred>() as u32;
    // SAFETY: the kernel has set the header's control length to what it wrote, the macros
    // stay within that, and the length of the message itself is looked at.
    unsafe {
        let first = libc::CMSG_FIRSTHDR(&raw const header.msg_hdr);
        if first.is_null()
            || (*first).cmsg_level != libc::SOL_SOCKET
            || (*first).cmsg_type != libc::SCM_CREDENTIALS
            || ((*first).cmsg_len as usize) < libc::CMSG_LEN(LENGTH) as usize
        {
            return &[];
        }
        std::slice::from_raw_parts(libc::CMSG_DATA(first), LENGTH as usize)
    }
}

fn name_bytes(name: &sockaddr_storage, length: usize) -> &[u8] {
    let length = length.min(mem::size_of::<sockaddr_storage>());
    // SAFETY: the storage was zeroed, and *length* is at most its size.
    unsafe { std::slice::from_raw_parts((&raw const *name).cast::<u8>(), length) }
}
