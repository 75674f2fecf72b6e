import * as arrayText from '../../functions/runtime/sql/array-text.ts';
import * as arrays from '../../functions/runtime/sql/arrays.ts';
import * as bytes from '../../functions/runtime/sql/bytes.ts';
import * as dates from '../../functions/runtime/sql/dates.ts';
import * as decimalArithmetic from '../../functions/runtime/sql/decimal-arithmetic.ts';
import * as decimalFunctions from '../../functions/runtime/sql/decimal-functions.ts';
import * as decimalLogarithms from '../../functions/runtime/sql/decimal-logarithms.ts';
import * as decimalPowers from '../../functions/runtime/sql/decimal-powers.ts';
import * as decimals from '../../functions/runtime/sql/decimals.ts';
import * as doubleFunctions from '../../functions/runtime/sql/double-functions.ts';
import * as doubles from '../../functions/runtime/sql/doubles.ts';
import * as format from '../../functions/runtime/sql/format.ts';
import * as integers from '../../functions/runtime/sql/integers.ts';
import * as intervalParts from '../../functions/runtime/sql/interval-parts.ts';
import * as intervals from '../../functions/runtime/sql/intervals.ts';
import * as json from '../../functions/runtime/sql/json.ts';
import * as jsonBuilding from '../../functions/runtime/sql/json-building.ts';
import * as jsonChanging from '../../functions/runtime/sql/json-changing.ts';
import * as jsonColumns from '../../functions/runtime/sql/json-columns.ts';
import * as jsonContainment from '../../functions/runtime/sql/json-containment.ts';
import * as jsonNumbers from '../../functions/runtime/sql/json-numbers.ts';
import * as jsonPaths from '../../functions/runtime/sql/json-paths.ts';
import * as jsonWriter from '../../functions/runtime/sql/json-writer.ts';
import * as like from '../../functions/runtime/sql/like.ts';
import * as logic from '../../functions/runtime/sql/logic.ts';
import * as masks from '../../functions/runtime/sql/masks.ts';
import * as padding from '../../functions/runtime/sql/padding.ts';
import * as regex from '../../functions/runtime/sql/regex.ts';
import * as row from '../../functions/runtime/sql/row.ts';
import * as rowCopy from '../../functions/runtime/sql/row-copy.ts';
import * as rowValues from '../../functions/runtime/sql/row-values.ts';
import * as sqlTransform from '../../functions/runtime/sql/sql-transform.ts';
import * as text from '../../functions/runtime/sql/text.ts';
import * as textLists from '../../functions/runtime/sql/text-lists.ts';
import * as timeFormats from '../../functions/runtime/sql/time-formats.ts';
import * as timeReaders from '../../functions/runtime/sql/time-readers.ts';
import * as timestampParts from '../../functions/runtime/sql/timestamp-parts.ts';
import * as timestamps from '../../functions/runtime/sql/timestamps.ts';
import * as uuids from '../../functions/runtime/sql/uuids.ts';
import * as zones from '../../functions/runtime/sql/zones.ts';

/** The modules that generated code imports from, for running it in this process. */
export const runtimeModules: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'array-text': arrayText,
  arrays,
  bytes,
  dates,
  'decimal-arithmetic': decimalArithmetic,
  'decimal-functions': decimalFunctions,
  'decimal-logarithms': decimalLogarithms,
  'decimal-powers': decimalPowers,
  decimals,
  'double-functions': doubleFunctions,
  doubles,
  format,
  integers,
  'interval-parts': intervalParts,
  intervals,
  json,
  'json-building': jsonBuilding,
  'json-changing': jsonChanging,
  'json-columns': jsonColumns,
  'json-containment': jsonContainment,
  'json-numbers': jsonNumbers,
  'json-paths': jsonPaths,
  'json-writer': jsonWriter,
  like,
  logic,
  masks,
  padding,
  regex,
  row,
  'row-copy': rowCopy,
  'row-values': rowValues,
  'sql-transform': sqlTransform,
  text,
  'text-lists': textLists,
  'time-formats': timeFormats,
  'time-readers': timeReaders,
  'timestamp-parts': timestampParts,
  timestamps,
  uuids,
  zones,
};
