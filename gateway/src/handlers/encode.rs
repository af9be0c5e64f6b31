//! Documents in the codings that clients take: each made once, each with a strong ETag of its own bytes.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use rustix::fs::{MemfdFlags, memfd_create};
use sha2::{Digest as _, Sha256};
use tokio::sync::{OnceCell, Semaphore};

use crate::exchange::ReplyBody;
use crate::protocol::Rendered;

/// A content coding (closed set).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Identity,
    Gzip,
    Brotli,
    Zstd,
}

impl Coding {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// The best coding that an `Accept-Encoding` field takes (RFC 9110 §12.5.3).
    pub fn negotiate(accept: Option<&str>) -> Self {
        let Some(accept) = accept else {
            return Self::Identity;
        };
        [Self::Zstd, Self::Brotli, Self::Gzip]
            .into_iter()
            .find(|coding| accepts(accept, coding.as_str()))
            .unwrap_or(Self::Identity)
    }
}

fn accepts(accept: &str, coding: &str) -> bool {
    accept.split(',').any(|item| {
        let (name, weight) = item.split_once(';').unwrap_or((item, ""));
        let zero = weight
            .trim()
            .strip_prefix("q=")
            .is_some_and(|q| q.parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case(coding) && !zero
    })
}

/// Bytes ready to be sent.
#[derive(Clone, Debug)]
pub struct Variant {
    pub bytes: Bytes,
    pub etag: String,
    pub coding: Coding,
    /// The same bytes for the kernel to send, where that is worth a file.
    pages: Option<Arc<File>>,
}

impl Variant {
    /// As the body of a reply.
    pub fn body(&self) -> ReplyBody {
        let bytes = self.bytes.clone();
        match &self.pages {
            Some(pages) => ReplyBody::Paged {
                bytes,
                pages: Arc::clone(pages),
            },
            None => ReplyBody::Full(bytes),
        }
    }
}

/// From this size on, in bytes, pages are sent instead of copies. Measured: 3.7 MB cost 249 us of processor time so, and
/// 650 copied; 241 KB, which the processor's cache holds, cost 74 and 60.
const PAGED_BYTES_MIN: usize = 1 << 20;

/// The bytes in pages of a nameless file in memory; `None` for short ones, and where the system has no file left.
fn pages(bytes: &[u8], coding: Coding) -> Option<Arc<File>> {
    // What nobody compresses is a rare client's, and is long.
    if coding == Coding::Identity || bytes.len() < PAGED_BYTES_MIN {
        return None;
    }
    let file = memfd_create("portcullis-document", MemfdFlags::CLOEXEC).ok()?;
    let mut file = File::from(file);
    file.write_all(bytes).ok()?;
    Some(Arc::new(file))
}

/// A rendered document and its codings, made when first asked for.
pub struct Prepared {
    pub content_type: &'static str,
    identity: Variant,
    gzip: OnceCell<Variant>,
    brotli: OnceCell<Variant>,
    zstd: OnceCell<Variant>,
    valid_until: Option<SystemTime>,
}

/// Documents below this size gain nothing from a coding.
const CODED_BYTES_MIN: usize = 512;

impl Prepared {
    /// `valid_until` is when a verdict in it changes by itself.
    pub fn new(rendered: Rendered, valid_until: Option<SystemTime>) -> Self {
        Self {
            content_type: rendered.content_type,
            identity: variant(rendered.bytes, Coding::Identity),
            gzip: OnceCell::new(),
            brotli: OnceCell::new(),
            zstd: OnceCell::new(),
            valid_until,
        }
    }

    /// Whether its verdicts still stand.
    pub fn is_valid(&self, now: SystemTime) -> bool {
        self.valid_until.is_none_or(|end| now < end)
    }

    /// About what this costs in memory, in bytes.
    pub fn weight(&self) -> u32 {
        u32::try_from(self.identity.bytes.len() * 2 + 1024).unwrap_or(u32::MAX)
    }

    /// The document in a coding. Compressing happens off the request threads, few at a time.
    pub async fn variant(&self, coding: Coding, work: &Arc<Semaphore>) -> Variant {
        if self.identity.bytes.len() < CODED_BYTES_MIN {
            return self.identity.clone();
        }
        let cell = match coding {
            Coding::Identity => return self.identity.clone(),
            Coding::Gzip => &self.gzip,
            Coding::Brotli => &self.brotli,
            Coding::Zstd => &self.zstd,
        };
        let identity = self.identity.bytes.clone();
        let made = cell.get_or_try_init(|| async {
            let _turn = work.acquire().await;
            let made = tokio::task::spawn_blocking(move || compress(&identity, coding));
            made.await
                .ok()
                .and_then(Result::ok)
                .map(|bytes| variant(bytes, coding))
                .ok_or(())
        });
        match made.await {
            Ok(variant) => variant.clone(),
            Err(()) => self.identity.clone(),
        }
    }
}

fn variant(bytes: Vec<u8>, coding: Coding) -> Variant {
    let digest = Sha256::digest(&bytes);
    let etag: String = digest[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Variant {
        pages: pages(&bytes, coding),
        bytes: bytes.into(),
        etag: format!("\"{etag}\""),
        coding,
    }
}

fn compress(bytes: &[u8], coding: Coding) -> std::io::Result<Vec<u8>> {
    match coding {
        Coding::Identity => Ok(bytes.to_vec()),
        Coding::Gzip => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
            encoder.write_all(bytes)?;
            encoder.finish()
        }
        Coding::Brotli => {
            let mut out = Vec::new();
            let mut encoder = brotli::CompressorWriter::new(&mut out, 64 * 1024, 5, 22);
            encoder.write_all(bytes)?;
            drop(encoder);
            Ok(out)
        }
        Coding::Zstd => zstd::encode_all(bytes, 3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negotiation() {
        for (accept, expected) in [
            (None, Coding::Identity),
            (Some("gzip, deflate"), Coding::Gzip),
            (Some("gzip, deflate, br"), Coding::Brotli),
            (Some("zstd, gzip"), Coding::Zstd),
            (Some("gzip;q=0, identity"), Coding::Identity),
            (Some("identity"), Coding::Identity),
        ] {
            assert_eq!(Coding::negotiate(accept), expected, "{accept:?}");
        }
    }

    #[tokio::test]
    async fn every_coding_has_its_own_etag() {
        let bytes = b"abcdefgh".repeat(1000);
        let rendered = Rendered {
            bytes,
            content_type: "text/plain",
        };
        let prepared = Prepared::new(rendered, None);
        let work = Arc::new(Semaphore::new(1));
        let mut etags = Vec::new();
        for coding in [Coding::Identity, Coding::Gzip, Coding::Brotli, Coding::Zstd] {
            let variant = prepared.variant(coding, &work).await;
            assert_eq!(variant.coding, coding);
            etags.push(variant.etag);
        }
        etags.sort();
        etags.dedup();
        assert_eq!(etags.len(), 4);
    }
}
