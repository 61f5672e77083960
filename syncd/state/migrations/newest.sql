CREATE TABLE alarm (source VARCHAR NOT NULL, kind VARCHAR NOT NULL, text VARCHAR NOT NULL, since FLOAT NOT NULL, PRIMARY KEY (source, kind));
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0012');
CREATE TABLE appliedplan (digest VARCHAR NOT NULL, run VARCHAR NOT NULL, at FLOAT NOT NULL, exit INTEGER, PRIMARY KEY (digest, run));
CREATE TABLE assigned (
        number VARCHAR NOT NULL, source VARCHAR NOT NULL, "key" VARCHAR NOT NULL, at FLOAT NOT NULL,
        PRIMARY KEY (number)
    ) WITHOUT ROWID
    ;
CREATE TABLE change (
        id INTEGER NOT NULL, run VARCHAR NOT NULL, source VARCHAR NOT NULL, "key" VARCHAR NOT NULL,
        kind VARCHAR NOT NULL, old_id INTEGER, new_id INTEGER, "match" VARCHAR NOT NULL, digest INTEGER,
        "before" VARCHAR, "after" VARCHAR, horizon INTEGER NOT NULL, outcome VARCHAR NOT NULL, reason VARCHAR,
        at FLOAT NOT NULL, old_match VARCHAR, place VARCHAR, PRIMARY KEY (id)
    );
CREATE TABLE contact (
        source VARCHAR NOT NULL, "key" VARCHAR NOT NULL, digest INTEGER NOT NULL, status VARCHAR NOT NULL,
        remote_id INTEGER, origin VARCHAR NOT NULL, "match" VARCHAR NOT NULL, fields VARCHAR NOT NULL,
        returned VARCHAR, reason VARCHAR, missing_since FLOAT, created_at FLOAT NOT NULL, updated_at FLOAT NOT NULL, raw INTEGER,
        PRIMARY KEY (source, "key")
    ) WITHOUT ROWID
    ;
CREATE TABLE cursor (
        source VARCHAR NOT NULL, value VARCHAR NOT NULL, context VARCHAR NOT NULL, standing VARCHAR NOT NULL,
        saved FLOAT NOT NULL, PRIMARY KEY (source)
    );
CREATE TABLE deletion (id INTEGER NOT NULL, remote_id INTEGER NOT NULL, source VARCHAR NOT NULL, "match" VARCHAR NOT NULL, begun FLOAT NOT NULL, ended INTEGER, PRIMARY KEY (id));
CREATE TABLE due (
        source VARCHAR NOT NULL, number VARCHAR NOT NULL,
        PRIMARY KEY (source, number)
    ) WITHOUT ROWID
    ;
CREATE TABLE fact (name VARCHAR NOT NULL, value VARCHAR NOT NULL, PRIMARY KEY (name));
INSERT INTO "fact" VALUES('journal.newest','0');
CREATE TABLE formernumber (
        number VARCHAR NOT NULL, source VARCHAR NOT NULL, "key" VARCHAR NOT NULL, name VARCHAR NOT NULL,
        until FLOAT NOT NULL, run VARCHAR NOT NULL, PRIMARY KEY (number, source, "key", until)
    ) WITHOUT ROWID
    ;
CREATE TABLE hold (
        source VARCHAR NOT NULL, gate VARCHAR NOT NULL, kind VARCHAR NOT NULL, digest VARCHAR NOT NULL,
        count INTEGER NOT NULL, keys VARCHAR NOT NULL, detail VARCHAR NOT NULL, since FLOAT NOT NULL, approved FLOAT,
        PRIMARY KEY (source, gate)
    );
CREATE TABLE lease (
        source VARCHAR NOT NULL, owner VARCHAR NOT NULL, since FLOAT NOT NULL, expires FLOAT NOT NULL,
        PRIMARY KEY (source)
    );
CREATE TABLE leftout (
        number VARCHAR NOT NULL, source VARCHAR NOT NULL, "key" VARCHAR NOT NULL, reason VARCHAR NOT NULL,
        PRIMARY KEY (number, source, "key")
    ) WITHOUT ROWID
    ;
CREATE TABLE leftover (id INTEGER NOT NULL, source VARCHAR NOT NULL, "key" VARCHAR NOT NULL, remote_id INTEGER, change INTEGER, match VARCHAR NOT NULL, why VARCHAR NOT NULL, at FLOAT NOT NULL, told INTEGER NOT NULL, PRIMARY KEY (id));
CREATE TABLE merged (source VARCHAR NOT NULL, "key" VARCHAR NOT NULL, merged_into VARCHAR NOT NULL, PRIMARY KEY (source, "key", merged_into));
CREATE TABLE notice (id INTEGER NOT NULL, at FLOAT NOT NULL, event VARCHAR NOT NULL, source VARCHAR NOT NULL, kind VARCHAR NOT NULL, text VARCHAR NOT NULL, "left" VARCHAR, tried FLOAT, PRIMARY KEY (id));
CREATE TABLE number (
        number VARCHAR NOT NULL, source VARCHAR NOT NULL, "key" VARCHAR NOT NULL,
        PRIMARY KEY (number, source, "key")
    ) WITHOUT ROWID
    ;
CREATE TABLE outranked (source VARCHAR NOT NULL, "key" VARCHAR NOT NULL, wants VARCHAR NOT NULL, PRIMARY KEY (source, "key"));
CREATE TABLE request (id INTEGER NOT NULL, at FLOAT NOT NULL, pause INTEGER NOT NULL, late FLOAT, tier VARCHAR NOT NULL DEFAULT 'default', PRIMARY KEY (id));
CREATE TABLE run (
        run VARCHAR NOT NULL, source VARCHAR NOT NULL, started FLOAT NOT NULL, ended FLOAT, outcome VARCHAR NOT NULL,
        exit INTEGER, requests INTEGER NOT NULL, config VARCHAR NOT NULL, report VARCHAR, kind VARCHAR DEFAULT 'run' NOT NULL, undoes VARCHAR, planned INTEGER, PRIMARY KEY (run, source)
    );
CREATE TABLE undone (source VARCHAR NOT NULL, "key" VARCHAR NOT NULL, digest INTEGER, run VARCHAR NOT NULL, at FLOAT NOT NULL, PRIMARY KEY (source, "key"));
CREATE TABLE unindexed (
        source VARCHAR NOT NULL, "key" VARCHAR NOT NULL, fields VARCHAR, heir VARCHAR, PRIMARY KEY (source, "key")
    ) WITHOUT ROWID
    ;
CREATE TABLE unsent (
        source VARCHAR NOT NULL, number VARCHAR NOT NULL, "key" VARCHAR NOT NULL, at VARCHAR NOT NULL,
        name VARCHAR NOT NULL, why VARCHAR NOT NULL, reason VARCHAR NOT NULL,
        PRIMARY KEY (number, source, "key", at)
    ) WITHOUT ROWID
    ;
CREATE TABLE wanted (
        source VARCHAR NOT NULL, "key" VARCHAR NOT NULL, phones VARCHAR NOT NULL, changed FLOAT NOT NULL,
        PRIMARY KEY (source, "key")
    ) WITHOUT ROWID
    ;
CREATE INDEX contact_remote_id ON contact (remote_id);
CREATE INDEX contact_open ON contact (source, "key") WHERE status <> 'accepted';
CREATE INDEX change_key ON change (source, "key");
CREATE INDEX change_open ON change (source, "key") WHERE outcome IN ('pending', 'moved');
CREATE INDEX change_at ON change (at);
CREATE INDEX run_started ON run (source, started);
CREATE INDEX deletion_remote_id ON deletion (remote_id);
CREATE INDEX deletion_open ON deletion (source) WHERE ended IS NULL;
CREATE INDEX change_old_id ON change (old_id) WHERE old_id IS NOT NULL;
CREATE UNIQUE INDEX leftover_remote_id ON leftover (remote_id);
CREATE UNIQUE INDEX leftover_change ON leftover (change);
CREATE INDEX request_at ON request (tier, pause, at);
CREATE INDEX formernumber_key ON formernumber (source, "key");
CREATE INDEX unsent_source ON unsent (source);
CREATE TRIGGER contact_changed AFTER UPDATE OF status, remote_id, reason, fields, returned ON contact
    WHEN OLD.key = NEW.key AND ((OLD.fields <> '{}' AND (OLD.status = 'accepted' OR (OLD.remote_id IS NOT NULL AND OLD.reason IS NOT 'another contact was sent in its place'))) <> (NEW.fields <> '{}' AND (NEW.status = 'accepted' OR (NEW.remote_id IS NOT NULL AND NEW.reason IS NOT 'another contact was sent in its place'))) OR ((NEW.fields <> '{}' AND (NEW.status = 'accepted' OR (NEW.remote_id IS NOT NULL AND NEW.reason IS NOT 'another contact was sent in its place'))) AND (OLD.fields <> NEW.fields
        OR OLD.returned IS NOT NEW.returned
        OR (OLD.status <> NEW.status AND 'rejected' IN (OLD.status, NEW.status))))) AND EXISTS (SELECT 1 FROM fact WHERE name = 'numbers.standing')
    BEGIN
        INSERT INTO unindexed (source, key, fields) SELECT OLD.source, OLD.key, CASE WHEN OLD.fields <> '{}' AND (OLD.status = 'accepted' OR (OLD.remote_id IS NOT NULL AND OLD.reason IS NOT 'another contact was sent in its place')) THEN coalesce(OLD.returned, OLD.fields) END WHERE NOT EXISTS (SELECT 1 FROM unindexed WHERE source = OLD.source AND key = OLD.key);
    END;
CREATE TRIGGER contact_renamed AFTER UPDATE OF source, "key" ON contact
    WHEN OLD.key <> NEW.key AND EXISTS (SELECT 1 FROM fact WHERE name = 'numbers.standing')
    BEGIN
        INSERT INTO unindexed (source, key, fields) SELECT OLD.source, OLD.key, CASE WHEN OLD.fields <> '{}' AND (OLD.status = 'accepted' OR (OLD.remote_id IS NOT NULL AND OLD.reason IS NOT 'another contact was sent in its place')) THEN coalesce(OLD.returned, OLD.fields) END WHERE NOT EXISTS (SELECT 1 FROM unindexed WHERE source = OLD.source AND key = OLD.key);
        UPDATE unindexed SET heir = NEW.key WHERE source = OLD.source AND (heir = OLD.key OR key = OLD.key);
        INSERT INTO unindexed (source, key) SELECT NEW.source, NEW.key WHERE NOT EXISTS (SELECT 1 FROM unindexed WHERE source = NEW.source AND key = NEW.key);
    END;
CREATE TRIGGER contact_came AFTER INSERT ON contact WHEN NEW.fields <> '{}' AND (NEW.status = 'accepted' OR (NEW.remote_id IS NOT NULL AND NEW.reason IS NOT 'another contact was sent in its place')) AND EXISTS (SELECT 1 FROM fact WHERE name = 'numbers.standing') BEGIN INSERT INTO unindexed (source, key) SELECT NEW.source, NEW.key WHERE NOT EXISTS (SELECT 1 FROM unindexed WHERE source = NEW.source AND key = NEW.key); END;
CREATE TRIGGER contact_left AFTER DELETE ON contact WHEN OLD.fields <> '{}' AND (OLD.status = 'accepted' OR (OLD.remote_id IS NOT NULL AND OLD.reason IS NOT 'another contact was sent in its place')) AND EXISTS (SELECT 1 FROM fact WHERE name = 'numbers.standing') BEGIN INSERT INTO unindexed (source, key, fields) SELECT OLD.source, OLD.key, CASE WHEN OLD.fields <> '{}' AND (OLD.status = 'accepted' OR (OLD.remote_id IS NOT NULL AND OLD.reason IS NOT 'another contact was sent in its place')) THEN coalesce(OLD.returned, OLD.fields) END WHERE NOT EXISTS (SELECT 1 FROM unindexed WHERE source = OLD.source AND key = OLD.key); END;
CREATE INDEX leftout_key ON leftout (source, "key");
