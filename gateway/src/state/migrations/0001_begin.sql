-- Read by SQLite and PostgreSQL alike.
-- Moments are milliseconds since 1970-01-01T00:00:00Z. Packages are paths: /npm/scope/name.
-- Lists and documents are JSON text. Flags are 0 and 1.

-- The first look at a package, with the versions it had then (a JSON list): the baseline.
CREATE TABLE looks (
    package TEXT NOT NULL PRIMARY KEY,
    first_look BIGINT NOT NULL,
    baseline TEXT NOT NULL
);

-- Versions that came after the baseline. A row is never changed.
CREATE TABLE sightings (
    package TEXT NOT NULL REFERENCES looks (package),
    version TEXT NOT NULL,
    first_seen BIGINT NOT NULL,
    PRIMARY KEY (package, version)
);

CREATE TABLE audit (
    at BIGINT NOT NULL,
    principal TEXT,
    client TEXT NOT NULL,
    repository TEXT NOT NULL,
    package TEXT NOT NULL,
    version TEXT,
    verdict TEXT NOT NULL,
    control TEXT NOT NULL,
    package_group TEXT NOT NULL,
    sentence TEXT NOT NULL,
    observed BIGINT NOT NULL,
    mode TEXT NOT NULL
);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_observed ON audit (at) WHERE observed = 1;

-- Only the hash of a token is ever known here, in hexadecimal.
CREATE TABLE tokens (
    hash TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    rights TEXT NOT NULL,
    repositories TEXT NOT NULL,
    patterns TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT,
    revoked BIGINT
);
CREATE UNIQUE INDEX tokens_in_force ON tokens (name) WHERE revoked IS NULL;

-- A row outlives its package, so that a generation never comes twice.
-- Without `setting` there is no record of the package.
CREATE TABLE packages (
    repository TEXT NOT NULL,
    package TEXT NOT NULL,
    generation BIGINT NOT NULL,
    publish TEXT,
    upstream TEXT,
    setting TEXT,
    created BIGINT,
    PRIMARY KEY (repository, package)
);

CREATE TABLE versions (
    repository TEXT NOT NULL,
    package TEXT NOT NULL,
    version TEXT NOT NULL,
    status TEXT NOT NULL,
    published_at BIGINT NOT NULL,
    publisher TEXT,
    metadata TEXT NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (repository, package, version),
    FOREIGN KEY (repository, package) REFERENCES packages (repository, package)
);

CREATE TABLE files (
    repository TEXT NOT NULL,
    package TEXT NOT NULL,
    version TEXT NOT NULL,
    filename TEXT NOT NULL,
    size BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    sha512 TEXT NOT NULL,
    sha1 TEXT NOT NULL,
    md5 TEXT NOT NULL,
    metadata TEXT NOT NULL,
    PRIMARY KEY (repository, package, version, filename),
    FOREIGN KEY (repository, package, version)
        REFERENCES versions (repository, package, version) ON DELETE CASCADE
);
CREATE INDEX files_sha256 ON files (sha256);

CREATE TABLE tags (
    repository TEXT NOT NULL,
    package TEXT NOT NULL,
    tag TEXT NOT NULL,
    version TEXT NOT NULL,
    PRIMARY KEY (repository, package, tag),
    FOREIGN KEY (repository, package, version)
        REFERENCES versions (repository, package, version) ON DELETE CASCADE
);
