import type { Table } from "../table.ts"

/**
 * The messages are those of `internal/nodes/message.ts`. A row written by hand may have a key id too long for one, which mustn't fail the
 * write.
 *
 * The function has a search path of its own, since a function without one finds names along the writer's. The triggers fire on a replica too.
 */
export const announceChanges = ({ table, qualified, nodes, tell }: Table): ReadonlyArray<string> => [
  `CREATE FUNCTION ${tell}() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tell$
    BEGIN
      IF TG_OP = 'TRUNCATE' THEN
        PERFORM pg_notify('effect_api_key_' || TG_RELID, 'everything');
        RETURN NULL;
      END IF;
      IF TG_OP <> 'INSERT' THEN
        PERFORM pg_notify('effect_api_key_' || TG_RELID, CASE WHEN octet_length(OLD.key_id) <= 128 THEN 'changed ' || OLD.key_id ELSE 'everything' END);
      END IF;
      IF TG_OP = 'INSERT' OR (TG_OP = 'UPDATE' AND OLD.key_id <> NEW.key_id) THEN
        PERFORM pg_notify('effect_api_key_' || TG_RELID, CASE WHEN octet_length(NEW.key_id) <= 128 THEN 'changed ' || NEW.key_id ELSE 'everything' END);
      END IF;
      RETURN NULL;
    END
  $tell$`,
  `CREATE TRIGGER "${table}_tell_update" AFTER UPDATE ON ${qualified} FOR EACH ROW WHEN (
    ROW(OLD.id, OLD.key_id, OLD.hash, OLD.prefix, OLD.name, OLD.name_lower, OLD.description, OLD.owner_id, OLD.scopes, OLD.metadata,
      OLD.is_active, OLD.expires_at, OLD.created_at, OLD.updated_at, OLD.hint, OLD.version)
    IS DISTINCT FROM
    ROW(NEW.id, NEW.key_id, NEW.hash, NEW.prefix, NEW.name, NEW.name_lower, NEW.description, NEW.owner_id, NEW.scopes, NEW.metadata,
      NEW.is_active, NEW.expires_at, NEW.created_at, NEW.updated_at, NEW.hint, NEW.version)
  ) EXECUTE FUNCTION ${tell}()`,
  `ALTER TABLE ${qualified} ENABLE ALWAYS TRIGGER "${table}_tell_update"`,
  `CREATE TRIGGER "${table}_tell_write" AFTER INSERT OR DELETE ON ${qualified} FOR EACH ROW EXECUTE FUNCTION ${tell}()`,
  `ALTER TABLE ${qualified} ENABLE ALWAYS TRIGGER "${table}_tell_write"`,
  `CREATE TRIGGER "${table}_tell_truncate" AFTER TRUNCATE ON ${qualified} FOR EACH STATEMENT EXECUTE FUNCTION ${tell}()`,
  `ALTER TABLE ${qualified} ENABLE ALWAYS TRIGGER "${table}_tell_truncate"`,
  `CREATE TABLE ${nodes} (node text COLLATE "C" PRIMARY KEY, live_until timestamptz NOT NULL)`,
]
