import type { Table } from "../table.ts"

/** The columns have no default, so that no row is written anew. */
export const rotateTokens = ({ table, qualified, tell }: Table): ReadonlyArray<string> => [
  `ALTER TABLE ${qualified}
    ADD COLUMN rotated_at timestamptz(3),
    ADD COLUMN previous_key_id text COLLATE "C",
    ADD COLUMN previous_hash text COLLATE "C",
    ADD COLUMN previous_hint text COLLATE "C",
    ADD COLUMN previous_expires_at timestamptz(3),
    ADD COLUMN previous_grace_seconds integer,
    ADD COLUMN previous_last_used_at timestamptz(3)`,
  `CREATE UNIQUE INDEX "${table}_previous_idx" ON ${qualified} (previous_key_id) WHERE previous_key_id IS NOT NULL`,
  `CREATE INDEX "${table}_token_idx" ON ${qualified} ((COALESCE(rotated_at, created_at)), id)`,
  `CREATE OR REPLACE FUNCTION ${tell}() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tell$
    BEGIN
      IF TG_OP = 'TRUNCATE' THEN
        PERFORM pg_notify('effect_api_key_' || TG_RELID, 'everything');
        RETURN NULL;
      END IF;
      IF TG_OP <> 'INSERT' THEN
        PERFORM pg_notify('effect_api_key_' || TG_RELID, CASE WHEN octet_length(OLD.key_id) <= 128 THEN 'changed ' || OLD.key_id ELSE 'everything' END);
        IF OLD.previous_key_id IS NOT NULL THEN
          PERFORM pg_notify('effect_api_key_' || TG_RELID, CASE WHEN octet_length(OLD.previous_key_id) <= 128 THEN 'changed ' || OLD.previous_key_id ELSE 'everything' END);
        END IF;
      END IF;
      IF TG_OP <> 'DELETE' THEN
        PERFORM pg_notify('effect_api_key_' || TG_RELID, CASE WHEN octet_length(NEW.key_id) <= 128 THEN 'changed ' || NEW.key_id ELSE 'everything' END);
        IF NEW.previous_key_id IS NOT NULL THEN
          PERFORM pg_notify('effect_api_key_' || TG_RELID, CASE WHEN octet_length(NEW.previous_key_id) <= 128 THEN 'changed ' || NEW.previous_key_id ELSE 'everything' END);
        END IF;
      END IF;
      RETURN NULL;
    END
  $tell$`,
  `DROP TRIGGER "${table}_tell_update" ON ${qualified}`,
  `CREATE TRIGGER "${table}_tell_update" AFTER UPDATE ON ${qualified} FOR EACH ROW WHEN (
    ROW(OLD.id, OLD.key_id, OLD.hash, OLD.prefix, OLD.name, OLD.name_lower, OLD.description, OLD.owner_id, OLD.scopes, OLD.metadata,
      OLD.is_active, OLD.expires_at, OLD.created_at, OLD.updated_at, OLD.hint, OLD.version, OLD.rotated_at, OLD.previous_key_id,
      OLD.previous_hash, OLD.previous_hint, OLD.previous_expires_at, OLD.previous_grace_seconds)
    IS DISTINCT FROM
    ROW(NEW.id, NEW.key_id, NEW.hash, NEW.prefix, NEW.name, NEW.name_lower, NEW.description, NEW.owner_id, NEW.scopes, NEW.metadata,
      NEW.is_active, NEW.expires_at, NEW.created_at, NEW.updated_at, NEW.hint, NEW.version, NEW.rotated_at, NEW.previous_key_id,
      NEW.previous_hash, NEW.previous_hint, NEW.previous_expires_at, NEW.previous_grace_seconds)
  ) EXECUTE FUNCTION ${tell}()`,
  `ALTER TABLE ${qualified} ENABLE ALWAYS TRIGGER "${table}_tell_update"`,
]
