/** Functions of ksqlDB, MySQL, Spark and Snowflake that have another name here, and the hint for each. */
export const OTHER_FUNCTIONS: ReadonlyMap<string, string> = new Map([
  ['ucase', 'use upper'],
  ['lcase', 'use lower'],
  ['len', 'use length'],
  ['instr', 'use strpos'],
  ['ifnull', 'use coalesce'],
  ['nvl', 'use coalesce'],
  ['if', 'use CASE WHEN … THEN … ELSE … END'],
  ['iif', 'use CASE WHEN … THEN … ELSE … END'],
  ['isnull', 'use IS NULL'],
  ['explode', 'to unnest a list, write FROM orders, unnest(items) AS item'],
  ['array_contains', 'use x = ANY(list)'],
  ['extractjsonfield', "use ->, ->> or #>>, as in payload #>> '{a,b}'"],
  ['struct', 'use jsonb_build_object'],
  ['datediff', 'subtract dates: one - other is a number of days'],
  ['dateadd', "add an interval, such as placed + interval '1 day'"],
  ['from_unixtime', 'use to_timestamp(seconds), or to_timestamp(millis / 1000.0) for milliseconds'],
  ['unix_timestamp', 'use extract(epoch FROM time)'],
  ['formatdate', 'use to_char'],
  ['formattimestamp', 'use to_char'],
  ['timestamptostring', 'use to_char'],
  ['parsedate', 'use to_date'],
  ['parsetimestamp', 'use to_timestamp'],
  ['stringtotimestamp', 'use to_timestamp'],
]);

/** The pseudo columns of ksqlDB, and the hint for each. */
export const OTHER_COLUMNS: ReadonlyMap<string, string> = new Map([
  ['rowtime', '`time` is the time of the event'],
  ['rowkey', '`key` is the key of the event'],
  ['windowstart', 'write window_start'],
  ['windowend', 'write window_end'],
]);
