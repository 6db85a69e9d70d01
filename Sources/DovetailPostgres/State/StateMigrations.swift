/// The tables of a state in PostgreSQL.
///
/// One schema holds many jobs. Its tables are fixed, so that an administrator can make them once and hand out rights;
/// no run makes or drops any.
///
/// A key can be longer than an entry of an index may be. Indexes hold its first 1,000 bytes, and the SHA-256 of
/// longer ones: see ``StateBase``.
enum StateMigrations {
    /// The table that shows a schema to be ours, and of which format it is.
    static let marker = "dovetail_state"

    /// All other tables; without any of them the state is damaged.
    static let tables = [
        "jobs", "tables", "layouts", "redactions", "base", "runs", "changes", "conflicts", "rejections",
        "pending",
    ]

    /// What brings a schema from format n to n + 1. Appended to, never changed.
    static let all: [@Sendable (SchemaName) -> String] = [{ first($0) }]

    /// `place` of a change is the run's number << 32, plus the place within the run.
    private static func first(_ schema: SchemaName) -> String {
        """
        CREATE TABLE \(schema).jobs (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text COLLATE "C" NOT NULL UNIQUE,
            identity text NOT NULL, generation bigint NOT NULL DEFAULT 0, pending_generation bigint,
            marked_left boolean NOT NULL DEFAULT false, marked_right boolean NOT NULL DEFAULT false,
            counter_left bigint, counter_right bigint, reset_reason text, suspect text, last_quiet bigint,
            last_run bigint NOT NULL DEFAULT 0, fence bigint NOT NULL DEFAULT 0, holder text, holder_backend integer);
        CREATE TABLE \(schema).tables (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, job bigint NOT NULL,
            name text COLLATE "C" NOT NULL, layout bigint, records bigint NOT NULL DEFAULT 0,
            cursors boolean NOT NULL DEFAULT false, cursor_left text, cursor_right text, UNIQUE (job, name));
        CREATE TABLE \(schema).layouts (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, job bigint NOT NULL, content text NOT NULL);
        CREATE INDEX layouts_job ON \(schema).layouts (job);
        CREATE TABLE \(schema).redactions (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, job bigint NOT NULL, rule text NOT NULL);
        CREATE INDEX redactions_job ON \(schema).redactions (job);
        CREATE TABLE \(schema).base (
            tbl bigint NOT NULL, key bytea NOT NULL, "left" bytea NOT NULL, rest bytea NOT NULL, link bytea);
        CREATE UNIQUE INDEX base_key ON \(schema).base (tbl, \(StateBase.head("key")), \(StateBase.tail("key")));
        CREATE TABLE \(schema).runs (
            job bigint NOT NULL, number bigint NOT NULL, kind text NOT NULL, started bigint NOT NULL, ended bigint,
            status text NOT NULL, generation bigint NOT NULL, counts text, message text,
            PRIMARY KEY (job, number));
        CREATE TABLE \(schema).changes (
            job bigint NOT NULL, place bigint NOT NULL, tbl bigint NOT NULL, side smallint NOT NULL,
            key bytea NOT NULL, verb text NOT NULL, outcome text NOT NULL DEFAULT 'open', reason text,
            layout bigint, redaction bigint NOT NULL DEFAULT 0, content bytea NOT NULL, PRIMARY KEY (job, place));
        CREATE INDEX changes_open ON \(schema).changes (job, place) WHERE outcome = 'open';
        CREATE INDEX changes_unlabelled ON \(schema).changes (tbl) WHERE layout IS NULL;
        CREATE TABLE \(schema).conflicts (
            tbl bigint NOT NULL, key bytea NOT NULL, short text NOT NULL, since bigint NOT NULL, resolution bytea,
            content bytea NOT NULL);
        CREATE UNIQUE INDEX conflicts_key ON \(schema).conflicts (tbl, sha256(key));
        CREATE INDEX conflicts_short ON \(schema).conflicts (short);
        CREATE TABLE \(schema).rejections (
            tbl bigint NOT NULL, key bytea NOT NULL, side smallint NOT NULL, reason text NOT NULL, seen_left text,
            seen_right text, retried boolean NOT NULL, since bigint NOT NULL);
        CREATE UNIQUE INDEX rejections_key ON \(schema).rejections (tbl, sha256(key));
        CREATE TABLE \(schema).pending (tbl bigint NOT NULL, key bytea NOT NULL);
        CREATE UNIQUE INDEX pending_key ON \(schema).pending (tbl, sha256(key));
        """
    }
}
