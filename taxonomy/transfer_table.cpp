#include "taxonomy/transfer_table.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/text.h"
#include "taxonomy/csv.h"

namespace affinis::taxonomy {
namespace {

const std::array<std::string, 6> kTransferColumns = {"sources", "target", "order", "affinity", "gain", "quality"};

using RowKey = std::pair<std::string, std::vector<std::string>>;

RowKey row_key(const TransferRow& row) {
  RowKey key{row.target, row.sources};
  std::sort(key.second.begin(), key.second.end());
  return key;
}

/// Checks names and order of one row; `place` is "FILE line N".
/// Control characters in a name would break the sentence, the table or the graph file that it stands in; it is not printed for that.
bool printable(const std::string& name) {
  return std::none_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

void check_row(const TransferRow& row, const std::string& place) {
  AFFINIS_CHECK(printable(row.target) && std::all_of(row.sources.begin(), row.sources.end(), printable), ErrorCode::kData,
                "{}: a task's name holds a line end or another control character; take it out", place);
  AFFINIS_CHECK(!row.target.empty(), ErrorCode::kData, "{}: the target is empty; name the task that the sources are transferred to", place);
  AFFINIS_CHECK(row.target != kSelf, ErrorCode::kData, "{}: 'self' is no target; it stands for the target's own network as a source",
                place);
  AFFINIS_CHECK(row.target.find('+') == std::string::npos, ErrorCode::kData,
                "{}: the target '{}' holds a '+', which joins sources; rename the task", place, row.target);
  AFFINIS_CHECK(!row.sources.empty(), ErrorCode::kData, "{}: the sources are empty; name a task, several joined by '+', or {}", place, kSelf);
  std::set<std::string> seen;
  for (const std::string& source : row.sources) {
    AFFINIS_CHECK(!source.empty(), ErrorCode::kData, "{}: '{}' has an empty source; write task names joined by '+'", place,
                  row.sources_text());
    AFFINIS_CHECK(source.find('+') == std::string::npos, ErrorCode::kData, "{}: the source '{}' holds a '+', which joins sources", place,
                  source);
    AFFINIS_CHECK(seen.insert(source).second, ErrorCode::kData, "{}: the source '{}' stands twice in '{}'", place, source,
                  row.sources_text());
    AFFINIS_CHECK(source != kSelf || row.sources.size() == 1, ErrorCode::kData,
                  "{}: 'self' stands for the target's own network alone, but the sources are '{}'", place, row.sources_text());
  }
  AFFINIS_CHECK(row.order == static_cast<std::int64_t>(row.sources.size()), ErrorCode::kData,
                "{}: the order is {}, but '{}' names {} source(s)", place, row.order, row.sources_text(), row.sources.size());
}

std::vector<std::string> split_sources(const std::string& cell) {
  const std::string text = trim(cell);
  return text.empty() ? std::vector<std::string>{} : split(text, '+');
}

}  // namespace

std::string TransferRow::sources_text() const { return join(sources, "+"); }

std::vector<std::string> TransferTable::tasks() const {
  std::set<std::string> names;
  for (const TransferRow& row : rows) {
    names.insert(row.target);
    if (!row.is_self()) names.insert(row.sources.begin(), row.sources.end());
  }
  return {names.begin(), names.end()};
}

std::vector<std::string> TransferTable::targets() const {
  std::set<std::string> names;
  for (const TransferRow& row : rows) names.insert(row.target);
  return {names.begin(), names.end()};
}

TransferTable parse_transfer_table(std::string_view text, const std::string& name) {
  TransferTable table;
  table.name = name;
  std::vector<std::size_t> columns;
  std::vector<std::size_t> extra;
  std::map<RowKey, std::int64_t> lines;
  for_each_record(text, name, [&](const CsvRecord& record) {
    if (columns.empty()) {
      columns = find_columns(record, kTransferColumns, name);
      for (std::size_t i = 0; i < record.fields.size(); ++i) {
        if (std::find(columns.begin(), columns.end(), i) != columns.end()) continue;
        extra.push_back(i);
        table.extra_columns.push_back(record.fields[i]);
      }
      return;
    }
    const auto cell = [&](std::size_t column) -> const std::string& { return record.fields[columns[column]]; };
    const auto number = [&](std::size_t column) { return parse_csv_number(cell(column), kTransferColumns[column], name, record.line); };
    const std::string place = fmt::format("{} line {}", name, record.line);
    TransferRow row;
    row.sources = split_sources(cell(0));
    row.target = trim(cell(1));
    row.order = static_cast<std::int64_t>(row.sources.size());
    if (const std::string order = trim(cell(2)); !order.empty()) {
      const std::optional<std::int64_t> given = parse_integer(order);
      AFFINIS_CHECK(given, ErrorCode::kData, "{}: '{}' in column order is not a whole number; write the number of sources", place, order);
      row.order = *given;
    }
    row.affinity = number(3);
    row.gain = number(4);
    row.quality = number(5);
    check_row(row, place);
    for (const std::size_t column : extra) row.extra.push_back(record.fields[column]);
    const auto [earlier, fresh] = lines.emplace(row_key(row), record.line);
    AFFINIS_CHECK(fresh, ErrorCode::kData, "{}: the transfer from '{}' to '{}' stands in line {} already; remove one of the two", place,
                  row.sources_text(), row.target, earlier->second);
    table.rows.push_back(std::move(row));
  });
  return table;
}

TransferTable read_transfer_table(const std::filesystem::path& path) { return parse_transfer_table(read_file(path), path.string()); }

void check_transfer_table(const TransferTable& table) {
  AFFINIS_CHECK(!table.rows.empty(), ErrorCode::kData, "{}: there are no rows", table.name);
  std::set<RowKey> seen;
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const TransferRow& row = table.rows[i];
    const std::string place = fmt::format("{} row {}", table.name, i + 1);
    check_row(row, place);
    for (const double value : {row.affinity, row.gain, row.quality}) {
      AFFINIS_CHECK(!std::isinf(value), ErrorCode::kData, "{}: a value of '{}' to '{}' is infinite", place, row.sources_text(), row.target);
    }
    AFFINIS_CHECK(row.extra.size() == table.extra_columns.size(), ErrorCode::kData, "{}: there are {} extra columns, but {} cells", place,
                  table.extra_columns.size(), row.extra.size());
    AFFINIS_CHECK(seen.insert(row_key(row)).second, ErrorCode::kData, "{}: the transfer from '{}' to '{}' stands there twice", place,
                  row.sources_text(), row.target);
  }
}

std::string to_csv(const TransferTable& table) {
  check_transfer_table(table);
  std::vector<const TransferRow*> rows;
  for (const TransferRow& row : table.rows) rows.push_back(&row);
  const auto rank = [](const TransferRow* row) { return std::make_tuple(row->target, row->order, !row->is_self(), row->sources); };
  std::sort(rows.begin(), rows.end(), [&](const TransferRow* a, const TransferRow* b) { return rank(a) < rank(b); });
  std::string text = join(kTransferColumns, ",");
  for (const std::string& column : table.extra_columns) text += "," + csv_field(column);
  text += '\n';
  for (const TransferRow* row : rows) {
    text += fmt::format("{},{},{},{},{},{}", csv_field(row->sources_text()), csv_field(row->target), row->order, csv_number(row->affinity),
                        csv_number(row->gain), csv_number(row->quality));
    for (const std::string& cell : row->extra) text += "," + csv_field(cell);
    text += '\n';
  }
  return text;
}

void write_transfer_table(const std::filesystem::path& path, const TransferTable& table) { write_file_atomically(path, to_csv(table)); }

}  // namespace affinis::taxonomy
