#include "taxonomy/csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "framework/core/error.h"
#include "framework/core/text.h"

namespace affinis::taxonomy {
namespace {

constexpr double kLargest = 1e100;

/// Length of the UTF-8 sequence at `at`, 0 when there is none: shortest forms only, no surrogates, nothing above U+10FFFF.
std::size_t utf8_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(at);
  if (first < 0x80U) return 1;
  if (first >= 0xC2U && first <= 0xDFU) return follows(at + 1) ? 2 : 0;
  if (first >= 0xE0U && first <= 0xEFU) {
    if (!follows(at + 1) || !follows(at + 2)) return 0;
    if (first == 0xE0U && byte(at + 1) < 0xA0U) return 0;
    if (first == 0xEDU && byte(at + 1) > 0x9FU) return 0;
    return 3;
  }
  if (first >= 0xF0U && first <= 0xF4U) {
    if (!follows(at + 1) || !follows(at + 2) || !follows(at + 3)) return 0;
    if (first == 0xF0U && byte(at + 1) < 0x90U) return 0;
    if (first == 0xF4U && byte(at + 1) > 0x8FU) return 0;
    return 4;
  }
  return 0;
}

class CsvReader {
 public:
  CsvReader(std::string_view text, const std::string& name) : text_(text), name_(name) {
    if (text_.substr(0, 3) == "\xEF\xBB\xBF") position_ = 3;
  }

  bool next(CsvRecord& record) {
    while (skip_line_end()) {
    }
    if (position_ == text_.size()) return false;
    record.line = line_;
    std::size_t count = 0;
    for (;;) {
      if (count == record.fields.size()) record.fields.emplace_back();
      read_field(record.fields[count++]);
      if (position_ == text_.size() || text_[position_] != ',') break;
      ++position_;
    }
    skip_line_end();
    record.fields.resize(count);
    return true;
  }

 private:
  bool at_line_end() const { return text_[position_] == '\n' || text_[position_] == '\r'; }

  bool skip_line_end() {
    if (position_ == text_.size() || !at_line_end()) return false;
    if (text_[position_] == '\r' && position_ + 1 < text_.size() && text_[position_ + 1] == '\n') ++position_;
    ++position_;
    ++line_;
    return true;
  }

  void append_character(std::string& field) {
    const auto first = static_cast<unsigned char>(text_[position_]);
    AFFINIS_CHECK(first >= 0x20U || first == '\t' || first == '\n' || first == '\r', ErrorCode::kFormat,
                  "{} line {}: there is a control character (byte {}) in a cell; is this a csv file?", name_, line_, first);
    const std::size_t length = utf8_length(text_, position_);
    AFFINIS_CHECK(length > 0, ErrorCode::kFormat, "{} line {}: there are bytes that are not UTF-8; save the table as UTF-8 csv", name_,
                  line_);
    field.append(text_.substr(position_, length));
    position_ += length;
  }

  void read_field(std::string& field) {
    field.clear();
    if (position_ < text_.size() && text_[position_] == '"') {
      read_quoted(field);
      return;
    }
    while (position_ < text_.size() && text_[position_] != ',' && !at_line_end()) {
      AFFINIS_CHECK(text_[position_] != '"', ErrorCode::kFormat,
                    "{} line {}: there is a quote inside an unquoted cell; quote the whole cell and double the quotes in it", name_, line_);
      append_character(field);
    }
  }

  void read_quoted(std::string& field) {
    const std::int64_t opened = line_;
    ++position_;
    for (;;) {
      AFFINIS_CHECK(position_ < text_.size(), ErrorCode::kFormat, "{} line {}: the quote that opens a cell here is never closed", name_,
                    opened);
      if (text_[position_] == '"') {
        if (position_ + 1 == text_.size() || text_[position_ + 1] != '"') break;
        field += '"';
        position_ += 2;
      } else if (at_line_end()) {
        field += text_[position_];
        if (text_[position_] == '\r' && position_ + 1 < text_.size() && text_[position_ + 1] == '\n') field += '\n';
        skip_line_end();
      } else {
        append_character(field);
      }
    }
    ++position_;
    AFFINIS_CHECK(position_ == text_.size() || text_[position_] == ',' || at_line_end(), ErrorCode::kFormat,
                  "{} line {}: there is text behind the closing quote of a cell; double the quotes within it", name_, line_);
  }

  std::string_view text_;
  const std::string& name_;
  std::size_t position_ = 0;
  std::int64_t line_ = 1;
};

}  // namespace

void for_each_record(std::string_view text, const std::string& name, const std::function<void(const CsvRecord&)>& visit) {
  CsvReader reader(text, name);
  CsvRecord record;
  std::size_t columns = 0;
  std::int64_t records = 0;
  while (reader.next(record)) {
    if (records++ == 0) columns = record.fields.size();
    AFFINIS_CHECK(record.fields.size() == columns, ErrorCode::kFormat, "{} line {}: the header has {} columns, but this line has {}", name,
                  record.line, columns, record.fields.size());
    visit(record);
  }
  AFFINIS_CHECK(records > 1, ErrorCode::kData, "{}: there are no rows{}", name,
                records == 0 ? "; the file is empty" : " below the header in line 1; add at least one");
}

std::vector<std::size_t> find_columns(const CsvRecord& header, std::span<const std::string> columns, const std::string& name) {
  std::vector<std::string> present;
  for (const std::string& field : header.fields) present.push_back(trim(field));
  std::vector<std::size_t> positions;
  for (const std::string& column : columns) {
    std::size_t found = present.size();
    for (std::size_t i = 0; i < present.size(); ++i) {
      if (present[i] != column) continue;
      AFFINIS_CHECK(found == present.size(), ErrorCode::kData, "{} line {}: the column '{}' stands twice in the header; rename one", name,
                    header.line, column);
      found = i;
    }
    AFFINIS_CHECK(found < present.size(), ErrorCode::kData, "{} line {}: the column '{}' is missing{}; the columns needed are {}", name,
                  header.line, column, did_you_mean(column, present), join(columns, ","));
    positions.push_back(found);
  }
  return positions;
}

std::string csv_field(std::string_view field) {
  const bool blank_ends = !field.empty() && (field.front() == ' ' || field.back() == ' ' || field.front() == '\t' || field.back() == '\t');
  if (!blank_ends && field.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(field);
  std::string quoted = "\"";
  for (const char character : field) {
    if (character == '"') quoted += '"';
    quoted += character;
  }
  return quoted + '"';
}

std::string one_line(std::string text) {
  std::replace_if(text.begin(), text.end(), [](char character) { return character == '\n' || character == '\r'; }, ' ');
  return text;
}

void check_csv_name(const std::string& text, const std::string& name, std::int64_t line) {
  AFFINIS_CHECK(text.find_first_of("\r\n") == std::string::npos, ErrorCode::kData,
                "{} line {}: the name '{}' holds a line end; take it out", name, line, one_line(text));
}

std::string csv_number(double value) {
  if (std::isnan(value)) return {};
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value).ptr;
  return std::string(buffer, end);
}

double parse_csv_number(const std::string& cell, const std::string& column, const std::string& name, std::int64_t line) {
  const std::string text = trim(cell);
  if (text.empty()) return std::numeric_limits<double>::quiet_NaN();
  const std::optional<double> value = parse_real(text);
  AFFINIS_CHECK(value && std::isfinite(*value), ErrorCode::kData,
                "{} line {}: '{}' in column {} is not a finite number; write the number, or leave the cell empty when it is missing", name,
                line, one_line(text), column);
  AFFINIS_CHECK(std::abs(*value) <= kLargest, ErrorCode::kData, "{} line {}: {} in column {} is larger than {:g}; check the unit", name,
                line, text, column, kLargest);
  return *value;
}

}  // namespace affinis::taxonomy
