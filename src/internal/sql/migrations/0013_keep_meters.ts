import type { Table } from "../table.ts"

/**
 * The balances of quotas and rate limits, and the changes by hand. The arithmetic is that of `internal/meters/ledger.ts`.
 *
 * A row is locked for the time of a statement, and rows are locked in one order. The table has no index besides its key, and its pages are half
 * empty, so an update stays within its page and leaves nothing to vacuum but the page itself.
 *
 * A holder is `[turn, granted, place, until]`. A request with a `change` is a change by hand.
 */
export const keepMeters = ({ meters, meterChanges, lease }: Table): ReadonlyArray<string> => [
  `CREATE TABLE ${meters} (
    meter text COLLATE "C" PRIMARY KEY, used int8 NOT NULL DEFAULT 0, at float8, full_at float8 NOT NULL DEFAULT '-Infinity',
    parts int8[] NOT NULL DEFAULT '{}', first_part int8 NOT NULL DEFAULT 0, holders jsonb NOT NULL DEFAULT '{}',
    touched_at timestamptz NOT NULL, forget_at timestamptz
  ) WITH (fillfactor = 50)`,
  `CREATE TABLE ${meterChanges} (
    meter text COLLATE "C", request text COLLATE "C", kind text NOT NULL, units int8 NOT NULL, applied int8 NOT NULL, made_at timestamptz NOT NULL,
    PRIMARY KEY (meter, request)
  )`,
  `CREATE FUNCTION ${lease}(requests jsonb) RETURNS TABLE (place int4, answer jsonb) LANGUAGE plpgsql AS $lease$
  #variable_conflict use_column
  DECLARE
    r record; m record; c record; h jsonb; v_now float8; v_stale boolean; v_others int8; v_first int8; v_index int4; v_left int8; v_full float8;
    v_back int8; v_granted int8; v_enough int8; v_place float8; v_wait float8; v_reset float8; v_gone int8; v_lacking int8; v_changed boolean;
    v_outcome text; v_applied int8;
  BEGIN
    FOR r IN SELECT * FROM jsonb_to_recordset(requests) AS q (
      n int4, meter text, node text, turn int8, lost int8, unspent int8, owed int8, least int8, waiting int8, surplus int8,
      rule text, amount int8, begins float8, ends float8, known float8, adds int8, ceiling int8, width float8, lease float8,
      change text, request text, units int8
    ) ORDER BY q.meter COLLATE "C", q.n
    LOOP
      LOOP
        SELECT * INTO m FROM ${meters} AS s WHERE s.meter = r.meter FOR UPDATE;
        EXIT WHEN FOUND;
        INSERT INTO ${meters} (meter, touched_at) VALUES (r.meter, clock_timestamp()) ON CONFLICT DO NOTHING;
      END LOOP;
      v_now := extract(epoch FROM clock_timestamp())::float8 * 1000;
      v_stale := false; v_changed := false; v_granted := 0; v_outcome := NULL; v_applied := 0; v_wait := 0; v_reset := 0;

      IF r.rule = 'Quota' THEN
        IF v_now < r.begins OR v_now >= r.ends THEN
          v_stale := true;
        ELSIF r.begins IS NULL OR m.at IS NULL OR m.at = '-Infinity' THEN
          IF m.at IS NULL OR r.begins IS NOT NULL THEN m.at := coalesce(r.begins, '-Infinity'); v_changed := true; END IF;
        ELSIF m.at < r.begins THEN
          IF r.known <> m.at THEN
            v_stale := true;
          ELSE
            m.used := least(m.used, greatest(r.amount - r.ceiling, m.used - r.adds));
            m.at := r.begins; m.holders := '{}'; v_changed := true;
          END IF;
        END IF;
      ELSIF r.rule = 'Window' THEN
        v_first := floor(v_now * 64 / r.width)::int8 - 64;
        IF v_first > m.first_part THEN
          m.parts := m.parts[least(v_first - m.first_part, 1000)::int4 + 1 :];
          m.first_part := v_first;
        END IF;
        v_index := greatest(64, floor((v_now + r.lease) * 64 / r.width)::int8 - m.first_part)::int4 + 1;
      END IF;

      IF r.change IS NOT NULL THEN
        SELECT * INTO c FROM ${meterChanges} AS s WHERE s.meter = r.meter AND s.request = r.request;
        IF FOUND THEN
          v_outcome := CASE WHEN c.kind = r.change AND c.units = r.units THEN 'repeated' ELSE 'conflict' END;
          v_applied := CASE WHEN v_outcome = 'repeated' THEN c.applied ELSE 0 END;
        ELSIF v_stale THEN
          v_outcome := 'stale';
        ELSE
          v_outcome := 'done';
          v_applied := m.used;
          m.used := CASE
            WHEN r.change = 'refund' THEN least(m.used, greatest(0, m.used - r.units))
            WHEN r.units >= 0 THEN m.used - r.units
            ELSE greatest(m.used, least(r.amount, m.used - r.units)) END;
          v_applied := v_applied - m.used;
          v_changed := true;
          IF r.request IS NOT NULL THEN
            INSERT INTO ${meterChanges} VALUES (r.meter, r.request, r.change, r.units, v_applied, clock_timestamp());
          END IF;
        END IF;
      END IF;

      SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}'), count(*) FILTER (WHERE e.key <> r.node AND (e.value->>1)::int8 > 0)
        INTO m.holders, v_others FROM jsonb_each(m.holders) AS e WHERE (e.value->>3)::float8 > v_now;
      h := m.holders -> r.node;

      IF r.change IS NULL AND r.turn <= (h->>0)::int8 THEN
        IF r.turn = (h->>0)::int8 THEN v_granted := (h->>1)::int8; END IF;
      ELSIF r.change IS NULL AND NOT v_stale THEN
        v_back := CASE WHEN h IS NULL THEN 0
          ELSE r.unspent + CASE WHEN r.lost > 0 AND (h->>0)::int8 >= r.lost THEN (h->>1)::int8 ELSE 0 END END;
        v_place := (h->>2)::float8;
        IF v_back > 0 THEN
          IF r.rule = 'Quota' THEN
            m.used := m.used - v_back;
          ELSIF r.rule = 'Bucket' THEN
            IF v_place >= m.full_at THEN m.at := m.at - v_back * r.width / r.amount; END IF;
          ELSIF v_place >= m.first_part AND v_place - m.first_part < coalesce(array_length(m.parts, 1), 0) THEN
            v_gone := v_place::int8 - m.first_part + 1;
            m.parts[v_gone::int4] := greatest(0, m.parts[v_gone::int4] - v_back);
          END IF;
        END IF;
        v_left := CASE r.rule WHEN 'Quota' THEN r.amount - m.used
          WHEN 'Window' THEN r.amount - r.owed - (SELECT coalesce(sum(u), 0)::int8 FROM unnest(m.parts) AS u)
          ELSE 0 END;
        IF r.rule = 'Quota' THEN
          v_left := v_left - r.owed;
        ELSIF r.rule = 'Bucket' THEN
          IF r.owed > 0 THEN
            IF coalesce(m.at, '-Infinity') < v_now + r.lease THEN m.at := v_now + r.lease; m.full_at := v_now; END IF;
            m.at := greatest(m.at, v_now) + r.owed * r.width / r.amount;
          END IF;
          v_full := greatest(coalesce(m.at, '-Infinity'), v_now);
          v_left := floor((r.width - (v_full - v_now)) * r.amount / r.width + 1e-9)::int8;
        END IF;
        v_enough := least(r.waiting, v_left);
        IF v_left > 0 AND v_enough >= r.least THEN
          v_granted := v_enough + least(r.surplus, (v_left - v_enough) / (4 * (v_others + 1)));
        END IF;
        IF r.rule = 'Quota' THEN
          m.used := m.used + r.owed + v_granted;
        ELSIF r.rule = 'Window' AND r.owed + v_granted > 0 THEN
          IF coalesce(array_length(m.parts, 1), 0) < v_index THEN
            m.parts := m.parts || array_fill(0::int8, ARRAY[v_index - coalesce(array_length(m.parts, 1), 0)]);
          END IF;
          m.parts[v_index] := m.parts[v_index] + r.owed + v_granted;
        ELSIF r.rule = 'Bucket' AND v_granted > 0 THEN
          IF coalesce(m.at, '-Infinity') < v_now + r.lease THEN m.at := v_now + r.lease; m.full_at := v_now; END IF;
          m.at := greatest(m.at, v_now) + v_granted * r.width / r.amount;
        END IF;
        IF v_back > 0 OR r.owed > 0 OR v_granted > 0 THEN
          v_changed := true;
          v_place := CASE WHEN r.rule = 'Window' THEN m.first_part + v_index - 1 ELSE v_now END;
          m.holders := m.holders || jsonb_build_object(r.node, jsonb_build_array(r.turn, v_granted, v_place, v_now + 30000));
        END IF;
      END IF;

      IF v_changed THEN
        UPDATE ${meters} AS s SET used = m.used, at = m.at, full_at = m.full_at, parts = m.parts, first_part = m.first_part, holders = m.holders,
          touched_at = clock_timestamp(),
          forget_at = CASE WHEN r.rule <> 'Quota' THEN clock_timestamp() + 2 * r.width * interval '1 millisecond' END
        WHERE s.meter = r.meter;
      END IF;

      v_left := CASE WHEN r.rule = 'Quota' THEN r.amount - m.used ELSE 0 END;
      IF r.rule = 'Window' THEN
        SELECT coalesce(sum(u), 0)::int8 INTO v_left FROM unnest(m.parts) AS u;
        v_left := r.amount - v_left;
        v_lacking := r.least - v_left;
        v_gone := 0;
        IF v_left < r.amount OR v_lacking > 0 THEN
          v_reset := NULL;
          v_wait := CASE WHEN v_lacking > 0 THEN r.width ELSE 0 END;
          FOR i IN 1 .. coalesce(array_length(m.parts, 1), 0) LOOP
            v_gone := v_gone + m.parts[i];
            IF v_reset IS NULL AND v_gone > 0 THEN v_reset := (m.first_part + i + 64) * r.width / 64 - v_now; END IF;
            IF v_lacking > 0 AND v_gone >= v_lacking THEN v_wait := (m.first_part + i + 64) * r.width / 64 - v_now; EXIT; END IF;
            EXIT WHEN v_lacking <= 0 AND v_reset IS NOT NULL;
          END LOOP;
          v_reset := coalesce(v_reset, 0);
        END IF;
      ELSIF r.rule = 'Bucket' THEN
        v_full := greatest(coalesce(m.at, '-Infinity'), v_now);
        v_left := floor((r.width - (v_full - v_now)) * r.amount / r.width + 1e-9)::int8;
        v_wait := greatest(0, v_full + r.least * r.width / r.amount - r.width - v_now);
        v_reset := CASE WHEN v_left >= r.amount THEN 0 ELSE greatest(0, v_full + (v_left + 1) * r.width / r.amount - r.width - v_now) END;
      END IF;

      SELECT count(*) FILTER (WHERE e.key <> r.node AND (e.value->>1)::int8 > 0) INTO v_others FROM jsonb_each(m.holders) AS e;
      place := r.n;
      answer := jsonb_build_object(
        'granted', v_granted, 'remaining', greatest(0, v_left), 'holders', v_others + 1,
        'at', CASE WHEN r.rule = 'Quota' AND m.at > '-Infinity' THEN m.at END,
        'now', v_now, 'waitMillis', v_wait, 'resetMillis', v_reset, 'isStale', v_stale, 'outcome', v_outcome, 'applied', v_applied
      );
      RETURN NEXT;
    END LOOP;
  END
  $lease$`,
]
