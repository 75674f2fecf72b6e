/** A statement with ‸ at the position of its mistake, the message, and the hint if there is one. */
export type MistakeRow = readonly [marked: string, problem: string, hint?: string];

/** Mistakes that are reported before anything is deployed, by topic. */
export const MISTAKES: readonly (readonly [about: string, rows: readonly MistakeRow[]])[] = [
  [
    'unknown and ambiguous names',
    [
      ['SELECT order_id, ‸statsu FROM orders', 'there is no column "statsu"', 'did you mean "status"?'],
      ['SELECT ‸o.statsu FROM orders o', 'there is no column "o.statsu"', 'did you mean "status"?'],
      [
        "SELECT order_id FROM orders, unnest(items) AS item WHERE ‸item.skuu = 'a'",
        'there is no column "item.skuu"',
        'did you mean "sku"?',
      ],
      ['SELECT ‸x.order_id FROM orders', 'there is no "x" in FROM', 'the known names are orders, event'],
      [
        'SELECT ‸address.city FROM orders',
        'there is no "address" in FROM',
        'write a field of an object as (address).city',
      ],
      ['SELECT (‸address).town FROM orders', 'the object has no field "town"', 'it has city'],
      ['SELECT (‸address).cty FROM orders', 'the object has no field "cty"', 'did you mean "city"?'],
      ['SELECT (‸payload).a FROM orders', 'jsonb has no fields', "write -> 'a' or ->> 'a'"],
      ['SELECT (‸status).a FROM orders', 'text has no fields'],
      [
        'SELECT ‸order_id FROM orders o, unnest(tags) AS order_id',
        'column "order_id" is ambiguous',
        'write o.order_id or order_id.order_id',
      ],
      [
        'SELECT ‸sku FROM orders, unnest(items) AS a, unnest(items) AS b',
        'column "sku" is ambiguous',
        'write a.sku or b.sku',
      ],
      [
        'SELECT order_id, ‸sales AS order_id FROM orders',
        'two columns are named "order_id"',
        'rename one of them with AS',
      ],
      ['SELECT ‸order_id + 1 FROM orders', 'this column has no name', 'name it with AS'],
      ['SELECT order_id FROM ‸ordres', 'FROM names "ordres", but the step reads "orders"', 'did you mean "orders"?'],
      [
        'CREATE STREAM ‸done AS SELECT order_id FROM orders',
        'CREATE STREAM names "done", but the step writes "completed"',
      ],
      ['SELECT order_id FROM orders PARTITION BY ‸ordr_id', 'there is no column "ordr_id"', 'did you mean "order_id"?'],
      ['SELECT ‸x.* FROM orders', 'there is no "x" in FROM'],
      ['SELECT ‸a.b.c FROM orders', 'there is no column a.b.c', 'write a field of an object as (a.b).c'],
      ['SELECT ‸lowr(status) AS s FROM orders', 'function lowr is not supported', 'did you mean lower?'],
      [
        "SELECT 'é', order_id\nFROM orders\nWHERE ‸statsu = 'ü'",
        'there is no column "statsu"',
        'did you mean "status"?',
      ],
    ],
  ],
  [
    'types that do not fit',
    [
      [
        'SELECT order_id FROM orders WHERE status ‸> 5',
        'operator does not exist: text > integer',
        'Postgres does not convert text implicitly: cast one side, such as total::numeric',
      ],
      ["SELECT order_id FROM orders WHERE sales = ‸'a'", 'invalid input syntax for type numeric: "a"'],
      ['SELECT order_id FROM orders WHERE ‸sales', 'the argument of WHERE must be boolean, not numeric'],
      ['SELECT order_id FROM orders WHERE NOT ‸sales', 'the argument of NOT must be boolean, not numeric'],
      [
        'SELECT ‸lower(order_id) AS s FROM orders',
        'function lower(bigint) does not exist',
        'the supported forms are lower(text); cast the arguments to match one',
      ],
      [
        'SELECT ‸substring(order_id, 1) AS s FROM orders',
        'function substring(bigint, integer) does not exist',
        'the supported forms are substring(text, integer), substring(text, integer, integer), substring(text, text); cast the arguments to match one',
      ],
      [
        'SELECT CASE WHEN paid THEN ‸1 ELSE status END AS x FROM orders',
        'CASE types text and integer cannot be matched',
        'cast one of them',
      ],
      ['SELECT CASE WHEN ‸sales THEN 1 END AS x FROM orders', 'the argument of CASE WHEN must be boolean, not numeric'],
      [
        'SELECT coalesce(sales, ‸paid) AS x FROM orders',
        'COALESCE types numeric and boolean cannot be matched',
        'cast one of them',
      ],
      [
        'SELECT greatest(sales, ‸status) AS x FROM orders',
        'GREATEST types numeric and text cannot be matched',
        'cast one of them',
      ],
      [
        'SELECT sales ‸IN (1, true) AS x FROM orders',
        'operator does not exist: numeric = boolean',
        'cast one side to the type of the other',
      ],
      [
        'SELECT ARRAY[1, ‸true] AS x FROM orders',
        'ARRAY types integer and boolean cannot be matched',
        'cast one of them',
      ],
      ['SELECT ‸ARRAY[] AS x FROM orders', 'cannot determine type of empty array', 'cast it, such as ARRAY[]::text[]'],
      ['SELECT sales = ANY(‸status) AS x FROM orders', 'ANY and ALL need an array on the right side, not text'],
      ['SELECT tags[‸status] AS x FROM orders', 'an array subscript must be an integer, not text'],
      ['SELECT ‸sales[1] AS x FROM orders', 'numeric has no elements: only arrays can be subscripted'],
      ['SELECT ‸paid::timestamptz AS x FROM orders', 'cannot cast boolean to timestamptz'],
      ['SELECT ‸address::text AS x FROM orders', 'cannot cast record to text', 'use one of its fields'],
      [
        'SELECT uid ‸+ 1 AS x FROM orders',
        'operator does not exist: uuid + integer',
        'cast one side to the type of the other',
      ],
      ['SELECT ‸-status AS x FROM orders', 'operator does not exist: - text', 'cast one side to the type of the other'],
      ['SELECT ‸1/0 AS x FROM orders', 'division by zero'],
      ["SELECT ‸'2026-02-30'::date AS d FROM orders", 'date/time field value out of range: "2026-02-30"'],
      ["SELECT ‸'12x'::integer AS d FROM orders", 'invalid input syntax for type integer: "12x"'],
      ['SELECT ‸9999999999::integer AS x FROM orders', 'integer out of range'],
      ['SELECT ‸2147483647 + 1 AS x FROM orders', 'integer out of range'],
      ['SELECT ‸sales::numeric(0) AS x FROM orders', 'numeric precision 0 must be between 1 and 1000'],
      [
        'SELECT ‸time - time AS d FROM orders',
        'a column of type interval cannot be written as JSON',
        'use extract(epoch FROM …) or cast it to text',
      ],
      [
        "SELECT ‸decode(status, 'hex') AS d FROM orders",
        'a column of type bytea cannot be written as JSON',
        "use encode(…, 'hex')",
      ],
      ['SELECT order_id FROM orders, ‸unnest(items) AS i(a, b, c)', '"i" has 2 columns, but 3 names are given'],
      ['SELECT order_id FROM orders, ‸unnest(tags) AS t(a, b)', '"t" has 1 column, but 2 names are given'],
      ['SELECT order_id FROM orders, unnest(‸sales) AS x', 'unnest takes an array, not numeric'],
      [
        'SELECT order_id FROM orders PARTITION BY ‸address',
        'PARTITION BY needs a value that can be converted to text, not record',
      ],
      [
        'SELECT order_id FROM orders TIMESTAMP BY ‸status',
        'TIMESTAMP BY needs a timestamptz, a timestamp or a date, not text',
        'cast it, as in (…)::timestamptz',
      ],
      [
        'SELECT order_id FROM orders PARTITION BY status TIMESTAMP BY ‸sales * 2',
        'TIMESTAMP BY needs a timestamptz, a timestamp or a date, not numeric',
        'to_timestamp(…) takes seconds since 1970; divide milliseconds by 1000.0',
      ],
      [
        'SELECT order_id FROM orders TIMESTAMP BY ‸paid',
        'TIMESTAMP BY needs a timestamptz, a timestamp or a date, not boolean',
      ],
      [
        'SELECT order_id FROM orders TIMESTAMP BY ‸null',
        'TIMESTAMP BY is null, and an event needs a time',
        'leave it out to keep the time of the input event',
      ],
      ["SELECT order_id FROM orders TIMESTAMP BY ‸'2026-02-30'", 'date/time field value out of range: "2026-02-30"'],
      [
        "SELECT ‸jsonb_build_object('a') AS x FROM orders",
        'jsonb_build_object takes keys and values in turn: the last key has no value',
      ],
      [
        'SELECT address ‸= address AS x FROM orders',
        'operator does not exist: record = record',
        'compare its fields, such as (address).city',
      ],
      ['SELECT ‸items::text AS x FROM orders', 'cannot cast record[] to text', 'use to_jsonb'],
      [
        'SELECT order_id FROM orders PARTITION BY ‸items',
        'PARTITION BY needs a value that can be converted to text, not record[]',
      ],
      ['SELECT ‸greatest(items, items) AS x FROM orders', 'GREATEST of objects is not supported'],
      ...(
        [
          ['items ‸= items', '=(record[], record[])'],
          ['items ‸IN (items, items)', '=(record[], record[])'],
          ['items ‸IS DISTINCT FROM items', '=(record[], record[])'],
          ['items ‸@> items', '@>(record[], record[])'],
          ['‸array_position(items, items[1])', 'array_position(record[], record)'],
          ['‸array_sort(items)', 'array_sort(record[])'],
          ["‸array_to_string(items, ',')", 'array_to_string(record[], text)'],
          ['‸concat(status, items)', 'concat(text, record[])'],
          ["‸format('%s', address)", 'format(text, record)'],
          ['status ‸|| address', '||(text, record)'],
        ] as const
      ).map(
        ([expression, written]): MistakeRow => [
          `SELECT ${expression} AS x FROM orders`,
          `${written} is not supported: objects cannot be compared or converted to text`,
          'use their fields, such as (address).city, or to_jsonb',
        ],
      ),
      [
        'SELECT ‸address IS NULL AS x FROM orders',
        'IS NULL of an object is not supported',
        'test one of its fields, such as (address).city IS NULL',
      ],
      [
        'SELECT ‸NULLIF(sales, paid) AS x FROM orders',
        'operator does not exist: numeric = boolean',
        'cast one side to the type of the other',
      ],
      ['SELECT order_id::‸varchar(10) FROM orders', 'type varchar is not supported', 'use text'],
      ['SELECT order_id::‸smallint FROM orders', 'type smallint is not supported', 'use integer'],
      ['SELECT payload::‸json FROM orders', 'type json is not supported', 'use jsonb'],
      ['SELECT order_id::‸money FROM orders', 'type money is not supported', 'use numeric'],
      [
        'SELECT sales ‸BETWEEN 1 AND paid AS x FROM orders',
        'operator does not exist: numeric <= boolean',
        'cast one side to the type of the other',
      ],
      ["SELECT repeat('a', ‸'b') AS x FROM orders", 'invalid input syntax for type integer: "b"'],
      [
        'SELECT ‸upper(1, 2) AS x FROM orders',
        'function upper(integer, integer) does not exist',
        'the supported forms are upper(text); cast the arguments to match one',
      ],
      [
        'SELECT make_interval(‸weks => 2)::text AS x FROM orders',
        'make_interval has no argument "weks"',
        'its arguments are years, months, weeks, days, hours, mins, secs',
      ],
      [
        'SELECT make_interval(1, ‸years => 2)::text AS x FROM orders',
        'make_interval is given the argument "years" twice',
        'its arguments are years, months, weeks, days, hours, mins, secs',
      ],
    ],
  ],
  [
    'features that need several events, tables or joins',
    [
      [
        'SELECT ‸count(*) AS n FROM orders',
        'count is an aggregate: a transform sees one event at a time',
        'write CREATE TABLE … AS SELECT … GROUP BY in functions/tables',
      ],
      [
        'SELECT ‸sum(sales) AS n FROM orders',
        'sum is an aggregate: a transform sees one event at a time',
        'write CREATE TABLE … AS SELECT … GROUP BY in functions/tables',
      ],
      [
        'SELECT order_id FROM orders WHERE ‸max(sales) > 1',
        'max is an aggregate: a transform sees one event at a time',
        'write CREATE TABLE … AS SELECT … GROUP BY in functions/tables',
      ],
      [
        "SELECT ‸string_agg(status, ',') AS n FROM orders",
        'string_agg is an aggregate: a transform sees one event at a time',
        'write CREATE TABLE … AS SELECT … GROUP BY in functions/tables',
      ],
      ['SELECT ‸sum(sales) OVER () AS n FROM orders', 'sum(…) OVER: window functions are not supported yet'],
      [
        'SELECT ‸row_number() OVER (ORDER BY order_id) AS n FROM orders',
        'row_number(…) OVER: window functions are not supported yet',
      ],
      [
        'SELECT order_id FROM orders ‸WINDOW w AS (ORDER BY order_id)',
        'WINDOW <name> AS (…) is not supported yet',
        'for windows of time write WINDOW TUMBLING (SIZE 15 MINUTES) after FROM',
      ],
      [
        'SELECT order_id FROM orders ‸WINDOW tumbling AS (ORDER BY order_id)',
        'WINDOW <name> AS (…) is not supported yet',
        'for windows of time write WINDOW TUMBLING (SIZE 15 MINUTES) after FROM',
      ],
      [
        'SELECT order_id FROM orders ‸WINDOW TUMBLING (SIZE 1 HOUR) WHERE sales > 1',
        'WINDOW is not supported in a transform, which sees one event at a time',
        'windows need a table: CREATE TABLE … AS SELECT … WINDOW … GROUP BY …; `millrace sql` runs them over files',
      ],
      [
        'SELECT status, count(*) AS n FROM orders ‸WINDOW SESSION (30 MINUTES) GROUP BY status',
        'WINDOW is not supported in a transform, which sees one event at a time',
        'windows need a table: CREATE TABLE … AS SELECT … WINDOW … GROUP BY …; `millrace sql` runs them over files',
      ],
      [
        'SELECT order_id FROM orders ‸EMIT CHANGES',
        'EMIT CHANGES is not needed',
        'leave it out: a transform processes every new event',
      ],
      [
        'SELECT order_id FROM orders ‸EMIT FINAL',
        'EMIT FINAL needs WINDOW: without one, a group never ends',
        'add WINDOW TUMBLING (SIZE 15 MINUTES) after FROM, or write EMIT CHANGES',
      ],
      [
        'SELECT order_id FROM orders ‸GROUP BY order_id',
        'GROUP BY is not supported in a transform, which sees one event at a time',
        'write CREATE TABLE … AS SELECT … GROUP BY in functions/tables',
      ],
      [
        'SELECT order_id FROM orders ‸HAVING true',
        'HAVING is not supported in a transform, which sees one event at a time',
        'write CREATE TABLE … AS SELECT … GROUP BY … HAVING in functions/tables',
      ],
      [
        'SELECT ‸DISTINCT order_id FROM orders',
        'DISTINCT is not supported in a transform, which sees one event at a time',
        'for the latest row of each key, write CREATE TABLE … AS SELECT DISTINCT ON (key) … in functions/tables',
      ],
      ['SELECT order_id FROM orders ‸ORDER BY 1', 'ORDER BY is not supported: events keep their order'],
      ['SELECT order_id FROM orders ‸LIMIT 1', 'LIMIT and OFFSET are not supported: a stream has no end'],
      [
        'SELECT order_id FROM orders ‸UNION SELECT 1',
        'UNION, INTERSECT and EXCEPT are not supported: use two steps that write to one stream',
      ],
      ['‸WITH x AS (SELECT 1) SELECT order_id FROM orders', 'WITH is not supported yet'],
      [
        'SELECT order_id FROM orders JOIN ‸customers ON true',
        'a join reads two inputs, and this statement has one',
        'write it as a file in functions/joins, and name it under joins in the pipeline',
      ],
      [
        'SELECT order_id FROM orders LEFT JOIN ‸customers USING (order_id)',
        'a join reads two inputs, and this statement has one',
        'write it as a file in functions/joins, and name it under joins in the pipeline',
      ],
      [
        'SELECT order_id FROM orders, ‸customers',
        'FROM takes one stream, a join of two, and lists to unnest',
        'to join two inputs, write FROM orders JOIN customers ON customers.id = orders.customer_id',
      ],
      ['SELECT order_id FROM orders, ‸(SELECT 1) AS x', 'subqueries are not supported yet'],
      [
        'SELECT ‸(SELECT 1) AS x FROM orders',
        'subqueries are not supported yet',
        'a transform sees one event at a time; to make a list, use ARRAY[…]',
      ],
      [
        'SELECT order_id FROM orders WHERE order_id ‸IN (SELECT 1)',
        'subqueries are not supported yet',
        'a transform sees one event at a time; to make a list, use ARRAY[…]',
      ],
      [
        'SELECT ‸EXISTS (SELECT 1) AS x FROM orders',
        'subqueries are not supported yet',
        'a transform sees one event at a time; to make a list, use ARRAY[…]',
      ],
      [
        'SELECT order_id FROM orders, ‸generate_series(1, 2) AS x',
        'generate_series(…) in FROM is not supported',
        'FROM supports unnest(list) with one array, and no other function',
      ],
      [
        'SELECT ‸unnest(tags) AS x FROM orders',
        'unnest returns several rows, which is not supported here',
        'to unnest a list, write FROM orders, unnest(items) AS item',
      ],
      [
        'CREATE TABLE ‸per_day AS SELECT status, count(*) FROM orders GROUP BY status',
        'a transform makes events, and CREATE TABLE makes a table',
        'put it into functions/tables/per-day.sql, or write CREATE STREAM',
      ],
      ['CREATE ‸VIEW x AS SELECT 1', 'expected STREAM or TABLE after CREATE', 'write CREATE STREAM <name> AS SELECT …'],
      [
        '‸INSERT INTO orders VALUES (1)',
        'only SELECT, CREATE STREAM … AS SELECT and CREATE TABLE … AS SELECT are supported',
        'to add events, let another step write to the stream',
      ],
      ['‸DELETE FROM orders', 'only SELECT, CREATE STREAM … AS SELECT and CREATE TABLE … AS SELECT are supported'],
      ['SELECT order_id ‸INTO x FROM orders', 'SELECT INTO is not supported: write CREATE STREAM … AS SELECT'],
      ['SELECT order_id FROM orders ‸FOR UPDATE', 'FOR UPDATE is not supported'],
      ['‸VALUES (1)', 'VALUES is not supported'],
    ],
  ],
  [
    'syntax of other dialects',
    [
      [
        'SELECT order_id FROM orders WHERE status = ‸"COMPLETE"',
        'there is no column "COMPLETE"',
        "double quotes are for names: write a text as 'COMPLETE'",
      ],
      ['SELECT ‸"Status" FROM orders', 'there is no column "Status"', 'did you mean "status"?'],
      [
        'SELECT ‸`status` FROM orders',
        'names cannot be quoted with backticks',
        'write "name"; a name in lower case needs no quotes',
      ],
      ['SELECT ‸ROWTIME FROM orders', 'there is no column "rowtime"', '`time` is the time of the event'],
      [
        'SELECT sales * 2 AS twice FROM orders WHERE ‸twice > 3',
        'there is no column "twice"',
        '"twice" is the name of an output column, which cannot be used here: repeat its expression',
      ],
      [
        'SELECT order_id AS id_of_order FROM orders PARTITION BY ‸id_of_order',
        'there is no column "id_of_order"',
        '"id_of_order" is the name of an output column, which cannot be used here: repeat its expression',
      ],
      [
        'SELECT address‸->city FROM orders',
        'objects have no operator ->',
        'write a field of an object as (address).city',
      ],
      [
        "SELECT address ‸->> 'city' AS city FROM orders",
        'operator does not exist: record ->> unknown',
        'write a field of an object as (address).city',
      ],
      [
        'SELECT tags ‸-> 0 AS tag FROM orders',
        'operator does not exist: text[] -> integer',
        'write an element of a list as tags[1]; 1 is the first',
      ],
      ['SELECT ‸payload.a FROM orders', 'there is no "payload" in FROM', "write payload -> 'a' or payload ->> 'a'"],
      [
        'SELECT ‸items.sku FROM orders',
        'there is no "items" in FROM',
        'unnest the list in FROM: unnest(items) AS item, then item.sku',
      ],
      ['SELECT ‸UCASE(status) AS s FROM orders', 'function ucase is not supported', 'use upper'],
      ["SELECT ‸IFNULL(status, '') AS s FROM orders", 'function ifnull is not supported', 'use coalesce'],
      ['SELECT ‸LEN(status) AS s FROM orders', 'function len is not supported', 'use length'],
      ['SELECT ‸STRUCT(a := 1) AS s FROM orders', 'function struct is not supported', 'use jsonb_build_object'],
      [
        'SELECT ‸EXPLODE(tags) AS tag FROM orders',
        'function explode is not supported',
        'to unnest a list, write FROM orders, unnest(items) AS item',
      ],
      [
        'SELECT ‸latest_by_offset(status) AS s FROM orders',
        'latest_by_offset is an aggregate: a transform sees one event at a time',
        'write CREATE TABLE … AS SELECT … GROUP BY in functions/tables',
      ],
      ['SELECT CAST(sales AS ‸STRING) FROM orders', 'type string is not supported', 'use text'],
      ['SELECT sales::‸double FROM orders', 'type double is not supported', 'use double precision'],
      [
        'CREATE STREAM ‸IF NOT EXISTS x AS SELECT order_id FROM orders',
        'IF NOT EXISTS is not needed',
        'write CREATE STREAM <name> AS SELECT …: deploying keeps a stream that exists',
      ],
    ],
  ],
  [
    'functions whose result changes from call to call',
    [
      [
        'SELECT order_id, ‸now() FROM orders',
        'now() is volatile: its result changes from call to call',
        'use `time`, the time of the event: processing an event again must give the same result',
      ],
      [
        'SELECT order_id FROM orders WHERE time < ‸now()',
        'now() is volatile: its result changes from call to call',
        'use `time`, the time of the event: processing an event again must give the same result',
      ],
      [
        'SELECT ‸random() AS r FROM orders',
        'random() is volatile: its result changes from call to call',
        'derive a number from the event, such as from md5(id): processing an event again must give the same result',
      ],
      [
        'SELECT ‸gen_random_uuid() AS r FROM orders',
        'gen_random_uuid() is volatile: its result changes from call to call',
        'use `id`, the id of the event: processing an event again must give the same result',
      ],
      [
        'SELECT ‸current_date AS d FROM orders',
        'the current time and user are volatile: they change from call to call',
        'use `time`, the time of the event',
      ],
      [
        'SELECT ‸current_timestamp AS d FROM orders',
        'the current time and user are volatile: they change from call to call',
        'use `time`, the time of the event',
      ],
      [
        'SELECT ‸clock_timestamp() AS d FROM orders',
        'clock_timestamp() is volatile: its result changes from call to call',
        'use `time`, the time of the event: processing an event again must give the same result',
      ],
      [
        "SELECT ‸nextval('x') AS n FROM orders",
        'nextval() is volatile: its result changes from call to call',
        'a transform has no database',
      ],
      [
        'SELECT ‸current_user AS u FROM orders',
        'the current time and user are volatile: they change from call to call',
        'use `time`, the time of the event',
      ],
      [
        'SELECT ‸age(time) AS a FROM orders',
        'age(timestamptz) is not supported',
        'its result depends on the current date: give both moments, such as age(time, placed)',
      ],
      [
        "SELECT ‸'now'::timestamptz AS t FROM orders",
        "'now' is volatile: it changes from day to day; use `time`, the time of the event",
      ],
      [
        "SELECT date ‸'today' AS t FROM orders",
        "'today' is volatile: it changes from day to day; use `time`, the time of the event",
      ],
    ],
  ],
  [
    'features of Postgres that are not supported',
    [
      [
        "SELECT ‸status ~ '(?=a)' AS x FROM orders",
        'a group that starts with (? and is not (?: is not supported in regular expressions: Postgres and JavaScript read it differently',
      ],
      ["SELECT ‸status ~ '(a' AS x FROM orders", 'invalid regular expression: parentheses () not balanced'],
      [
        "SELECT ‸regexp_replace(status, '<.*?>', '') AS x FROM orders",
        'lazy quantifiers are supported only in tests such as ~: exclude what follows, such as <[^>]*> for <.*?>',
      ],
      ...[
        "substring(status, '(a|b)c')",
        "regexp_match(status, '(ab)+')",
        "regexp_replace(status, '(a)|b', '<\\1>')",
        "regexp_substr(status, '(a)?b', 1, 1, '', 1)",
        "regexp_instr(status, '(a)?b', 1, 1, 0, status, 1)",
      ].map((call): readonly [string, string] => [
        `SELECT ‸${call} AS x FROM orders`,
        'what a group captures is not supported in a pattern with alternatives or quantified groups: write (?:…) for each group and use the whole match, or (\\w*) for (\\w)*',
      ]),
      [
        "SELECT ‸status ~ '(?:a{100}){100}' AS x FROM orders",
        'this regular expression is too large: its repetitions make 10000 characters; at most 1000 more than are written are supported',
      ],
      [
        'SELECT ‸cbrt(2) AS x FROM orders',
        'cbrt(double precision) is not supported',
        'use power(x, 1.0 / 3): C libraries differ by more than one unit in the last place',
      ],
      [
        'SELECT ‸log(2) AS x FROM orders',
        'log(double precision) is not supported',
        'cast to numeric: C libraries differ by more than one unit in the last place',
      ],
      ["SELECT status ‸SIMILAR TO 'a' AS x FROM orders", 'SIMILAR TO is not supported', 'use LIKE or ~'],
      ['SELECT status ‸COLLATE "C" AS x FROM orders', 'COLLATE is not supported', 'the collation is always "C"'],
      ['SELECT ‸$1 AS x FROM orders', 'parameters ($1) are not supported', 'write the value itself'],
      ['SELECT ‸ROW(1, 2) AS x FROM orders', 'rows are not supported', 'use jsonb_build_object'],
      ['SELECT ‸xmlforest(1 AS a) AS x FROM orders', 'XML is not supported'],
      [
        "SELECT ‸json_object('a': 1) AS x FROM orders",
        'the SQL/JSON syntax is not supported',
        'use the jsonb functions, such as jsonb_build_object',
      ],
      [
        "SELECT ‸payload['a'] AS x FROM orders",
        'jsonb has no elements: only arrays can be subscripted',
        'use -> with a key, or with an index from 0',
      ],
      [
        "SELECT time AT TIME ZONE ‸'Europe/Amsterdam' AS x FROM orders",
        'time zone "Europe/Amsterdam" is not supported: use UTC',
      ],
      ['SELECT (‸address).* FROM orders', '.* of an object is not supported', 'list its fields'],
      ['SELECT ‸ARRAY[tags] AS x FROM orders', 'arrays of arrays are not supported', 'use jsonb_build_array'],
      ['SELECT order_id FROM orders, ‸unnest(tags) WITH ORDINALITY AS x', 'WITH ORDINALITY is not supported'],
      ["SELECT ‸B'101' AS x FROM orders", 'bit strings are not supported'],
      ['SELECT ‸concat(VARIADIC tags) AS x FROM orders', 'VARIADIC is not supported', 'write the arguments one by one'],
      [
        "SELECT payload ‸@? '$.a' AS x FROM orders",
        'operator does not exist: jsonb @? unknown',
        'no operator of this name is supported; docs/sql.md lists the operators',
      ],
      [
        'SELECT ‸md5(string => status) AS x FROM orders',
        'named arguments are not supported',
        'write the arguments in order, without names',
      ],
    ],
  ],
  [
    'statements that cannot be parsed',
    [
      ['SELECT order_id FROM orders WHERE‸', 'syntax error at end of input'],
      ['SELECT order_id FROM orders; ‸SELECT 1', 'there is more than one statement', 'write one statement per file'],
      ['‸', 'the statement is empty', 'write SELECT … FROM <stream>'],
      ['‸SELECT FROM orders', 'SELECT lists no columns'],
      ['SELECT order_id‸', 'FROM <stream> is missing'],
      ['‸SELEC order_id FROM orders', 'syntax error at or near "SELEC"'],
      ["SELECT ‸'a FROM orders", 'unterminated quoted string at or near "\'a FROM orders"'],
      ['CREATE STREAM ‸AS SELECT 1', 'expected a name after CREATE STREAM', 'write CREATE STREAM <name> AS SELECT …'],
      [
        'CREATE STREAM done ‸SELECT order_id FROM orders',
        'expected AS after CREATE STREAM done',
        'write CREATE STREAM <name> AS SELECT …',
      ],
      ['SELECT order_id FROM orders PARTITION BY‸', 'PARTITION BY takes one expression, at the end of the statement'],
      [
        'SELECT order_id FROM orders PARTITION BY‸ order_id, status',
        'PARTITION BY takes one expression, at the end of the statement',
      ],
      [
        'SELECT order_id FROM orders PARTITION BY‸ order_id WHERE paid',
        'PARTITION BY takes one expression, at the end of the statement',
      ],
      ['SELECT order_id FROM orders TIMESTAMP BY‸', 'TIMESTAMP BY takes one expression, at the end of the statement'],
      [
        'SELECT order_id FROM orders TIMESTAMP BY‸ placed WHERE paid',
        'TIMESTAMP BY takes one expression, at the end of the statement',
      ],
      [
        'SELECT order_id FROM orders TIMESTAMP BY‸ placed, time PARTITION BY status',
        'TIMESTAMP BY takes one expression, at the end of the statement',
      ],
      [
        'SELECT order_id FROM orders PARTITION BY status ‸PARTITION BY order_id',
        'there are two of PARTITION BY',
        'leave one of them out',
      ],
      ['SELECT order_id,\n  sales,\n  ‸FROM orders', 'syntax error at or near "FROM"'],
    ],
  ],
];
