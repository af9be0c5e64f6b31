//! Connections: how they are opened and set, who may write, and the steps of the schema.
//!
//! SQLite gets one connection that writes, so that writers queue here in order and not in the
//! database by chance, and a few that read. PostgreSQL does both over one pool.

use std::time::Duration;

use sqlx::any::{Any, AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, Connection as _, Transaction};

use super::error::Attempt as _;
use super::{Location, StateError};

/// The schema, step by step. A step that was released is never changed; new ones go to the end.
const MIGRATIONS: [&str; 1] = [include_str!("migrations/0001_begin.sql")];

/// How many read at once from SQLite. Each is a thread and a page cache.
const SQLITE_READERS_MAX: u32 = 3;
/// How many connections to PostgreSQL one gateway holds at most.
const POSTGRES_CONNECTIONS_MAX: u32 = 8;
/// How long a call waits for a connection.
const CONNECTION_WAIT: Duration = Duration::from_secs(10);
/// When a connection that nobody uses is closed.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// How long the readiness check waits.
const CHECK_WAIT: Duration = Duration::from_secs(2);
/// How often the change to a write-ahead log is tried while others have the file.
const WAL_TRIES: usize = 50;
const WAL_PAUSE: Duration = Duration::from_millis(100);

/// FULL: a commit in the write-ahead log is on disk when it returns, and a power cut loses none.
/// The cache holds 512 KiB of pages for each connection. The log file shrinks again to 4 MiB.
const SQLITE_SESSION: &str = "PRAGMA busy_timeout = 5000; PRAGMA synchronous = FULL; \
     PRAGMA foreign_keys = ON; PRAGMA cache_size = -512; PRAGMA journal_size_limit = 4194304;";
/// A server that is set to acknowledge before writing is overruled for our sessions.
const POSTGRES_SESSION: &str = "SELECT set_config('synchronous_commit', 'on', false) \
     WHERE current_setting('synchronous_commit') = 'off'; \
     SET lock_timeout = '10s'; SET statement_timeout = '60s';";
/// Held while the schema is changed, so that of several gateways one does it.
const POSTGRES_SCHEMA_LOCK: &str = "SELECT pg_advisory_xact_lock(7234586120)";

/// A transaction that is rolled back unless it is committed.
pub(super) type Change = Transaction<'static, Any>;

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Engine {
    Sqlite,
    Postgres,
}

/// The open connections.
#[derive(Clone)]
pub(super) struct Database {
    engine: Engine,
    writer: AnyPool,
    reader: AnyPool,
}

impl Database {
    pub(super) async fn open(location: &Location) -> Result<Self, StateError> {
        sqlx::any::install_default_drivers();
        let engine = location.engine();
        let options = location.options()?;
        prepare(engine, &options).await?;
        let (writer, reader) = match engine {
            Engine::Sqlite => (
                pool(engine, 1).connect_lazy_with(options.clone()),
                pool(engine, SQLITE_READERS_MAX).connect_lazy_with(options),
            ),
            Engine::Postgres => {
                let both = pool(engine, POSTGRES_CONNECTIONS_MAX).connect_lazy_with(options);
                (both.clone(), both)
            }
        };
        Ok(Self {
            engine,
            writer,
            reader,
        })
    }

    pub(super) async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }

    pub(super) async fn is_well(&self) -> bool {
        let question = sqlx::query("SELECT version FROM schema_versions").fetch_all(&self.reader);
        let answer = tokio::time::timeout(CHECK_WAIT, question).await;
        answer.is_ok_and(|rows| rows.is_ok())
    }

    /// For single statements that read.
    pub(super) const fn reader(&self) -> &AnyPool {
        &self.reader
    }

    /// For single statements that write.
    pub(super) const fn writer(&self) -> &AnyPool {
        &self.writer
    }

    /// Begins a transaction that reads one state of the database, whatever is written meanwhile.
    pub(super) async fn look(&self) -> Result<Change, sqlx::Error> {
        let begin = match self.engine {
            Engine::Sqlite => "BEGIN",
            Engine::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        self.reader.begin_with(begin).await
    }

    /// Begins a transaction that writes.
    pub(super) async fn change(&self) -> Result<Change, sqlx::Error> {
        self.writer.begin_with(begin_writing(self.engine)).await
    }
}

fn pool(engine: Engine, connections_max: u32) -> AnyPoolOptions {
    let session = match engine {
        Engine::Sqlite => SQLITE_SESSION,
        Engine::Postgres => POSTGRES_SESSION,
    };
    AnyPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(CONNECTION_WAIT)
        .idle_timeout(IDLE_MAX)
        .max_lifetime(None)
        // A file does not hang up; a server does when it is restarted.
        .test_before_acquire(engine == Engine::Postgres)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                sqlx::raw_sql(session).execute(connection).await?;
                Ok(())
            })
        })
}

/// SQLite takes the lock at once: a reader that turns into a writer could find itself overtaken.
const fn begin_writing(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "BEGIN IMMEDIATE",
        Engine::Postgres => "BEGIN",
    }
}

/// Brings the database to the schema of this program, over a connection of its own: a pool would
/// hide why it cannot connect.
async fn prepare(engine: Engine, options: &AnyConnectOptions) -> Result<(), StateError> {
    let attempt = "open the state database";
    let mut connection = AnyConnection::connect_with(options)
        .await
        .attempt(attempt)?;
    if engine == Engine::Sqlite {
        sqlx::raw_sql(SQLITE_SESSION)
            .execute(&mut connection)
            .await
            .attempt(attempt)?;
        keep_log(&mut connection).await?;
    }
    migrate(engine, &mut connection).await?;
    connection.close().await.attempt(attempt)
}

/// Switches the file to a write-ahead log. SQLite does not wait for others here, so we do.
async fn keep_log(connection: &mut AnyConnection) -> Result<(), StateError> {
    let attempt = "give the state database a write-ahead log";
    for _ in 0..WAL_TRIES {
        let answer = sqlx::query_scalar::<_, String>("PRAGMA journal_mode = WAL")
            .fetch_one(&mut *connection)
            .await
            .attempt(attempt);
        match answer {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(_) => break,
            Err(StateError::Unavailable { .. }) => tokio::time::sleep(WAL_PAUSE).await,
            Err(error) => return Err(error),
        }
    }
    let reason = "the file is in use, or its file system has no shared memory".to_owned();
    Err(StateError::Unavailable { attempt, reason })
}

async fn migrate(engine: Engine, connection: &mut AnyConnection) -> Result<(), StateError> {
    let attempt = "bring the state database to this program's schema";
    let mut change = connection
        .begin_with(begin_writing(engine))
        .await
        .attempt(attempt)?;
    if engine == Engine::Postgres {
        sqlx::raw_sql(POSTGRES_SCHEMA_LOCK)
            .execute(&mut *change)
            .await
            .attempt(attempt)?;
    }
    apply(&mut change).await?;
    change.commit().await.attempt(attempt)
}

/// Takes the steps that are missing.
async fn apply(connection: &mut AnyConnection) -> Result<(), StateError> {
    let attempt = "bring the state database to this program's schema";
    let table = "CREATE TABLE IF NOT EXISTS schema_versions (version BIGINT NOT NULL PRIMARY KEY)";
    sqlx::raw_sql(table)
        .execute(&mut *connection)
        .await
        .attempt(attempt)?;
    let found: Option<i64> = sqlx::query_scalar("SELECT MAX(version) FROM schema_versions")
        .fetch_one(&mut *connection)
        .await
        .attempt(attempt)?;
    let found = found.unwrap_or(0);
    for (step, version) in MIGRATIONS.into_iter().zip(1_i64..) {
        if version <= found {
            continue;
        }
        sqlx::raw_sql(step)
            .execute(&mut *connection)
            .await
            .attempt(attempt)?;
        sqlx::query("INSERT INTO schema_versions (version) VALUES ($1)")
            .bind(version)
            .execute(&mut *connection)
            .await
            .attempt(attempt)?;
    }
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(StateError::NewerSchema { found, known });
    }
    Ok(())
}
