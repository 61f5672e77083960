CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0002');
CREATE TABLE attribution (
        kind VARCHAR NOT NULL, id VARCHAR NOT NULL, outcome VARCHAR NOT NULL, number VARCHAR, contacts VARCHAR NOT
        NULL, candidates VARCHAR NOT NULL, as_of VARCHAR, at FLOAT NOT NULL, reason VARCHAR, revision INTEGER NOT
        NULL, PRIMARY KEY (kind, id)
    ) WITHOUT ROWID
    ;
CREATE TABLE call (
        "row" INTEGER, listed_rows INTEGER NOT NULL, listed_at FLOAT, day VARCHAR, missing_since FLOAT,
        first_seen FLOAT NOT NULL, first_by VARCHAR NOT NULL, changed FLOAT NOT NULL, digest INTEGER NOT
        NULL, left_out INTEGER NOT NULL, text_dropped FLOAT, state BLOB, call_id VARCHAR NOT NULL, direction
        VARCHAR, remote VARCHAR, remote_name VARCHAR, own VARCHAR, extension VARCHAR, extension_name
        VARCHAR, started FLOAT, answered FLOAT, ended FLOAT, duration FLOAT, talk FLOAT, status VARCHAR,
        outcome VARCHAR, settled_at FLOAT, summary INTEGER NOT NULL, segments VARCHAR, revision INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (call_id)
    );
CREATE TABLE day (
        kind VARCHAR NOT NULL, day VARCHAR NOT NULL, total INTEGER, pages INTEGER, read_at FLOAT, proved_at
        FLOAT, digest VARCHAR, state VARCHAR NOT NULL, changed_at FLOAT, by_webhook INTEGER NOT NULL,
        PRIMARY KEY (kind, day)
    );
CREATE TABLE delivery (
        sink VARCHAR NOT NULL, kind VARCHAR NOT NULL, id VARCHAR NOT NULL, status VARCHAR NOT NULL, digest INTEGER NOT
        NULL, fields VARCHAR NOT NULL, tried VARCHAR, remote_id VARCHAR, parts VARCHAR NOT NULL, attempts INTEGER NOT
        NULL, next_try FLOAT NOT NULL, reason VARCHAR, run VARCHAR, created VARCHAR, day VARCHAR, at FLOAT NOT NULL,
        PRIMARY KEY (sink, kind, id)
    ) WITHOUT ROWID
    ;
CREATE TABLE event (
        id VARCHAR NOT NULL, type VARCHAR NOT NULL, at FLOAT, signed_at FLOAT, received FLOAT NOT NULL,
        origin VARCHAR NOT NULL, raw BLOB, content VARCHAR NOT NULL, subject VARCHAR, processed FLOAT,
        outcome VARCHAR NOT NULL, PRIMARY KEY (id)
    );
CREATE TABLE fact (
        name VARCHAR NOT NULL, value VARCHAR NOT NULL, PRIMARY KEY (name)
    );
CREATE TABLE listed (
        kind VARCHAR NOT NULL, window VARCHAR NOT NULL, id VARCHAR NOT NULL, PRIMARY KEY (kind, window, id)
    ) WITHOUT ROWID
    ;
CREATE TABLE media (
        media_id VARCHAR NOT NULL, kind VARCHAR NOT NULL, owner VARCHAR NOT NULL, n INTEGER NOT NULL, at
        FLOAT, content_type VARCHAR, filename VARCHAR, size INTEGER, duration FLOAT, state VARCHAR NOT NULL,
        path VARCHAR, sha256 VARCHAR, attempts INTEGER NOT NULL, next_try FLOAT NOT NULL, fetched FLOAT,
        reason VARCHAR, PRIMARY KEY (media_id)
    );
CREATE TABLE message (
        "row" INTEGER, listed_rows INTEGER NOT NULL, listed_at FLOAT, day VARCHAR, missing_since FLOAT,
        first_seen FLOAT NOT NULL, first_by VARCHAR NOT NULL, changed FLOAT NOT NULL, digest INTEGER NOT
        NULL, left_out INTEGER NOT NULL, text_dropped FLOAT, state BLOB, channel VARCHAR NOT NULL,
        message_id VARCHAR NOT NULL, direction VARCHAR, remote VARCHAR, own VARCHAR, status VARCHAR,
        status_at FLOAT, sent FLOAT, revision INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (channel, message_id)
    );
CREATE TABLE opt_out (
        number VARCHAR NOT NULL, out INTEGER NOT NULL, at FLOAT NOT NULL, by VARCHAR NOT NULL, PRIMARY KEY (number)
    );
CREATE TABLE outgoing (
        id VARCHAR NOT NULL, own VARCHAR NOT NULL, remote VARCHAR NOT NULL, text VARCHAR NOT NULL, at FLOAT NOT NULL,
        state VARCHAR NOT NULL, looks INTEGER NOT NULL, message VARCHAR, reason VARCHAR, PRIMARY KEY (id)
    );
CREATE TABLE text (
        kind VARCHAR NOT NULL, id VARCHAR NOT NULL, what VARCHAR NOT NULL, words BLOB NOT NULL, PRIMARY KEY
        (kind, id, what)
    );
CREATE TABLE webhook (
        name VARCHAR NOT NULL, id VARCHAR, url VARCHAR NOT NULL, filters VARCHAR NOT NULL, created FLOAT NOT
        NULL, secret_ref VARCHAR, state VARCHAR NOT NULL, PRIMARY KEY (name)
    );
CREATE INDEX call_day ON call (day);
CREATE INDEX call_open ON call (started) WHERE status = 'open';
CREATE INDEX call_remote ON call (remote);
CREATE INDEX call_started ON call (started);
CREATE INDEX event_content ON event (content);
CREATE INDEX event_open ON event (received) WHERE processed IS NULL;
CREATE INDEX event_received ON event (received);
CREATE INDEX event_subject ON event (subject);
CREATE INDEX media_owner ON media (owner);
CREATE INDEX media_state ON media (state, kind, at);
CREATE INDEX message_day ON message (day);
CREATE INDEX message_id ON message (message_id);
CREATE INDEX message_remote ON message (remote);
CREATE INDEX message_sent ON message (sent);
CREATE INDEX call_revision ON call (revision);
CREATE INDEX message_revision ON message (revision);
CREATE INDEX attribution_open ON attribution (number) WHERE outcome = 'unknown';
CREATE INDEX attribution_revision ON attribution (revision);
CREATE INDEX delivery_open ON delivery (sink, status) WHERE status <> 'accepted';
CREATE INDEX delivery_day ON delivery (sink, kind, day);
CREATE INDEX outgoing_open ON outgoing (at) WHERE state = 'pending';
CREATE INDEX outgoing_message ON outgoing (message) WHERE message IS NOT NULL;
