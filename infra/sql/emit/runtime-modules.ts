import * as byOrder from '../../../functions/runtime/sql/aggregates/by-order.ts';
import * as collected from '../../../functions/runtime/sql/aggregates/collected.ts';
import * as counts from '../../../functions/runtime/sql/aggregates/counts.ts';
import * as decimalVariances from '../../../functions/runtime/sql/aggregates/decimal-variances.ts';
import * as doubleVariances from '../../../functions/runtime/sql/aggregates/double-variances.ts';
import * as extremes from '../../../functions/runtime/sql/aggregates/extremes.ts';
import * as firstRow from '../../../functions/runtime/sql/aggregates/first-row.ts';
import * as greatestValues from '../../../functions/runtime/sql/aggregates/greatest-values.ts';
import * as histograms from '../../../functions/runtime/sql/aggregates/histograms.ts';
import * as identity from '../../../functions/runtime/sql/aggregates/identity.ts';
import * as lists from '../../../functions/runtime/sql/aggregates/lists.ts';
import * as sums from '../../../functions/runtime/sql/aggregates/sums.ts';
import * as arrayText from '../../../functions/runtime/sql/arrays/array-text.ts';
import * as arrays from '../../../functions/runtime/sql/arrays/arrays.ts';
import * as json from '../../../functions/runtime/sql/json/json.ts';
import * as jsonBuilding from '../../../functions/runtime/sql/json/json-building.ts';
import * as jsonChanging from '../../../functions/runtime/sql/json/json-changing.ts';
import * as jsonColumns from '../../../functions/runtime/sql/json/json-columns.ts';
import * as jsonContainment from '../../../functions/runtime/sql/json/json-containment.ts';
import * as jsonNumbers from '../../../functions/runtime/sql/json/json-numbers.ts';
import * as jsonPaths from '../../../functions/runtime/sql/json/json-paths.ts';
import * as jsonWriter from '../../../functions/runtime/sql/json/json-writer.ts';
import * as logic from '../../../functions/runtime/sql/logic.ts';
import * as decimalArithmetic from '../../../functions/runtime/sql/numbers/decimal-arithmetic.ts';
import * as decimalFunctions from '../../../functions/runtime/sql/numbers/decimal-functions.ts';
import * as decimalLogarithms from '../../../functions/runtime/sql/numbers/decimal-logarithms.ts';
import * as decimalPowers from '../../../functions/runtime/sql/numbers/decimal-powers.ts';
import * as decimals from '../../../functions/runtime/sql/numbers/decimals.ts';
import * as doubleFunctions from '../../../functions/runtime/sql/numbers/double-functions.ts';
import * as doubles from '../../../functions/runtime/sql/numbers/doubles.ts';
import * as integers from '../../../functions/runtime/sql/numbers/integers.ts';
import * as repeatedTexts from '../../../functions/runtime/sql/row/repeated-texts.ts';
import * as row from '../../../functions/runtime/sql/row/row.ts';
import * as rowCopy from '../../../functions/runtime/sql/row/row-copy.ts';
import * as rowValues from '../../../functions/runtime/sql/row/row-values.ts';
import * as sqlTransform from '../../../functions/runtime/sql/sql-transform.ts';
import * as bytes from '../../../functions/runtime/sql/text/bytes.ts';
import * as format from '../../../functions/runtime/sql/text/format.ts';
import * as like from '../../../functions/runtime/sql/text/like.ts';
import * as masks from '../../../functions/runtime/sql/text/masks.ts';
import * as padding from '../../../functions/runtime/sql/text/padding.ts';
import * as regex from '../../../functions/runtime/sql/text/regex.ts';
import * as text from '../../../functions/runtime/sql/text/text.ts';
import * as textLists from '../../../functions/runtime/sql/text/text-lists.ts';
import * as uuids from '../../../functions/runtime/sql/text/uuids.ts';
import * as dates from '../../../functions/runtime/sql/time/dates.ts';
import * as intervalParts from '../../../functions/runtime/sql/time/interval-parts.ts';
import * as intervalText from '../../../functions/runtime/sql/time/interval-text.ts';
import * as intervals from '../../../functions/runtime/sql/time/intervals.ts';
import * as timeFormats from '../../../functions/runtime/sql/time/time-formats.ts';
import * as timeReaders from '../../../functions/runtime/sql/time/time-readers.ts';
import * as timestampParts from '../../../functions/runtime/sql/time/timestamp-parts.ts';
import * as timestamps from '../../../functions/runtime/sql/time/timestamps.ts';
import * as zones from '../../../functions/runtime/sql/time/zones.ts';
import * as windows from '../../../functions/runtime/sql/windows/window.ts';

/** The runtime modules that generated code can import, for running it in this process. */
export const runtimeModules: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'aggregates/by-order': byOrder,
  'aggregates/collected': collected,
  'aggregates/counts': counts,
  'aggregates/decimal-variances': decimalVariances,
  'aggregates/double-variances': doubleVariances,
  'aggregates/extremes': extremes,
  'aggregates/first-row': firstRow,
  'aggregates/greatest-values': greatestValues,
  'aggregates/histograms': histograms,
  'aggregates/identity': identity,
  'aggregates/lists': lists,
  'aggregates/sums': sums,
  'arrays/array-text': arrayText,
  'arrays/arrays': arrays,
  'json/json': json,
  'json/json-building': jsonBuilding,
  'json/json-changing': jsonChanging,
  'json/json-columns': jsonColumns,
  'json/json-containment': jsonContainment,
  'json/json-numbers': jsonNumbers,
  'json/json-paths': jsonPaths,
  'json/json-writer': jsonWriter,
  logic,
  'numbers/decimal-arithmetic': decimalArithmetic,
  'numbers/decimal-functions': decimalFunctions,
  'numbers/decimal-logarithms': decimalLogarithms,
  'numbers/decimal-powers': decimalPowers,
  'numbers/decimals': decimals,
  'numbers/double-functions': doubleFunctions,
  'numbers/doubles': doubles,
  'numbers/integers': integers,
  'row/repeated-texts': repeatedTexts,
  'row/row': row,
  'row/row-copy': rowCopy,
  'row/row-values': rowValues,
  'sql-transform': sqlTransform,
  'text/bytes': bytes,
  'text/format': format,
  'text/like': like,
  'text/masks': masks,
  'text/padding': padding,
  'text/regex': regex,
  'text/text': text,
  'text/text-lists': textLists,
  'text/uuids': uuids,
  'time/dates': dates,
  'time/interval-parts': intervalParts,
  'time/interval-text': intervalText,
  'time/intervals': intervals,
  'time/time-formats': timeFormats,
  'time/time-readers': timeReaders,
  'time/timestamp-parts': timestampParts,
  'time/timestamps': timestamps,
  'time/zones': zones,
  'windows/window': windows,
};
