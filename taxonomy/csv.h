#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace affinis::taxonomy {

/// One record of a csv text: its fields, unquoted, and the line (from 1) on which it starts.
struct CsvRecord {
  std::vector<std::string> fields;
  std::int64_t line = 0;
};

/// Calls `visit` for every record of `text`, the header first; the record is reused between calls. Fields are separated by commas and
/// may be quoted as RFC 4180 has it ("" is a quote, line ends within quotes belong to the field). Lines end with LF, CR LF or CR
/// alone; blank lines and a UTF-8 byte order mark are skipped. Throws Error(kFormat) that names `name` and the line: a quote inside
/// or behind a field, an open quote at the end, a control character, bytes that are not UTF-8, a record without as many fields as
/// the header; Error(kData) when there is no record behind the header.
void for_each_record(std::string_view text, const std::string& name, const std::function<void(const CsvRecord&)>& visit);

/// Positions of `columns` in a header. Throws Error(kData) that names the first missing or repeated one, with the nearest present.
std::vector<std::size_t> find_columns(const CsvRecord& header, std::span<const std::string> columns, const std::string& name);

/// The field as csv: quoted only where it holds a comma, a quote, a line end, or blanks at its ends.
std::string csv_field(std::string_view field);

/// A cell for a sentence: line ends become blanks.
std::string one_line(std::string text);

/// Names stand in tables and sentences: throws Error(kData) with file and line when one holds a line end.
void check_csv_name(const std::string& text, const std::string& name, std::int64_t line);

/// A finite number as the shortest text that reads back to the same double; "" for NaN.
std::string csv_number(double value);

/// A number cell: NaN when empty, otherwise finite and at most 1e100 in size. Throws Error(kData) with file, line and column;
/// the words nan and inf are refused, so that a failed computation cannot pass for a missing value.
double parse_csv_number(const std::string& cell, const std::string& column, const std::string& name, std::int64_t line);

}  // namespace affinis::taxonomy
