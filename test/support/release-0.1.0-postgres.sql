-- The tables of release 0.1.0 in PostgreSQL, with what that release has written: made by its own code, and pg_dump.
CREATE TABLE oauth_client_changes (
    "position" bigint NOT NULL,
    client_id text NOT NULL COLLATE pg_catalog."C",
    expires_at bigint NOT NULL
);
CREATE TABLE oauth_clients (
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    has_imported integer NOT NULL,
    body text NOT NULL
);
CREATE TABLE oauth_feeds (
    name text NOT NULL,
    "position" bigint NOT NULL
);
CREATE TABLE oauth_key_sets (
    id integer NOT NULL,
    version bigint NOT NULL,
    body text NOT NULL
);
CREATE TABLE oauth_reservations (
    key text NOT NULL COLLATE pg_catalog."C",
    expires_at bigint NOT NULL
);
CREATE TABLE oauth_revocations (
    "position" bigint NOT NULL,
    kind text NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    issued_before bigint,
    expires_at bigint NOT NULL
);
CREATE TABLE oauth_schema (
    version integer NOT NULL
);
CREATE TABLE oauth_secret_uses (
    client_id text NOT NULL COLLATE pg_catalog."C",
    secret_id text NOT NULL COLLATE pg_catalog."C",
    used_at bigint NOT NULL
);
CREATE TABLE oauth_tokens (
    hash text NOT NULL COLLATE pg_catalog."C",
    expires_at bigint NOT NULL,
    body text NOT NULL
);
INSERT INTO oauth_client_changes VALUES (1, 'writer', 1800003660);
INSERT INTO oauth_client_changes VALUES (2, 'gone', 1800003660);
INSERT INTO oauth_clients VALUES ('o''neill', 1, 0, '{"id":"o''neill","version":1,"scopes":["a"],"secrets":[{"id":"first","hash":"hash","createdAt":1800000000}],"createdAt":1800000000,"updatedAt":1800000000,"isDisabled":true}');
INSERT INTO oauth_clients VALUES ('reader', 1, 0, '{"id":"reader","version":1,"scopes":["a"],"secrets":[{"id":"first","hash":"hash","createdAt":1800000000}],"createdAt":1800000000,"updatedAt":1800000000}');
INSERT INTO oauth_clients VALUES ('writer', 2, 0, '{"id":"writer","version":2,"scopes":["a"],"secrets":[{"id":"first","hash":"hash","createdAt":1800000000}],"createdAt":1800000000,"updatedAt":1800000000,"name":"Writer"}');
INSERT INTO oauth_feeds VALUES ('clients', 2);
INSERT INTO oauth_feeds VALUES ('revocations', 3);
INSERT INTO oauth_key_sets VALUES (1, 1, '[{"kid":"a","alg":"EdDSA","privateJwk":{"kty":"OKP","crv":"Ed25519","x":"x","d":"d"},"createdAt":1800000000,"activeFrom":1800000000}]');
INSERT INTO oauth_reservations VALUES ('fFsdSeaHX9iH_VIhI8SzQWnUzBGmUCzATLfrj3wWaXI', 1800001000);
INSERT INTO oauth_revocations VALUES (1, 'token', 'jti-1', NULL, 1800001000);
INSERT INTO oauth_revocations VALUES (2, 'token', 'jti-2', NULL, 1800001000);
INSERT INTO oauth_revocations VALUES (3, 'client', 'reader', 1800000000, 1800001000);
INSERT INTO oauth_schema VALUES (1);
INSERT INTO oauth_secret_uses VALUES ('reader', 'first', 1800000000);
INSERT INTO oauth_tokens VALUES ('hash', 1800001000, '{"clientId":"reader","scope":["a"],"audience":["https://api.example"],"issuedAt":1800000000,"expiresAt":1800001000}');
ALTER TABLE ONLY oauth_client_changes
    ADD CONSTRAINT oauth_client_changes_pkey PRIMARY KEY ("position");
ALTER TABLE ONLY oauth_clients
    ADD CONSTRAINT oauth_clients_pkey PRIMARY KEY (id);
ALTER TABLE ONLY oauth_feeds
    ADD CONSTRAINT oauth_feeds_pkey PRIMARY KEY (name);
ALTER TABLE ONLY oauth_key_sets
    ADD CONSTRAINT oauth_key_sets_pkey PRIMARY KEY (id);
ALTER TABLE ONLY oauth_reservations
    ADD CONSTRAINT oauth_reservations_pkey PRIMARY KEY (key);
ALTER TABLE ONLY oauth_revocations
    ADD CONSTRAINT oauth_revocations_pkey PRIMARY KEY ("position");
ALTER TABLE ONLY oauth_secret_uses
    ADD CONSTRAINT oauth_secret_uses_pkey PRIMARY KEY (client_id, secret_id);
ALTER TABLE ONLY oauth_tokens
    ADD CONSTRAINT oauth_tokens_pkey PRIMARY KEY (hash);
CREATE INDEX oauth_client_changes_expiry ON oauth_client_changes USING btree (expires_at);
CREATE INDEX oauth_clients_imported ON oauth_clients USING btree (has_imported) WHERE (has_imported = 1);
CREATE INDEX oauth_reservations_expiry ON oauth_reservations USING btree (expires_at);
CREATE INDEX oauth_revocations_expiry ON oauth_revocations USING btree (expires_at);
CREATE INDEX oauth_tokens_expiry ON oauth_tokens USING btree (expires_at);
