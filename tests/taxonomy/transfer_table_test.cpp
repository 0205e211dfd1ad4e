#include "taxonomy/transfer_table.h"

#include <cmath>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/random.h"
#include "tests/taxonomy/published.h"
#include "tests/taxonomy/random_problems.h"

namespace affinis::taxonomy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const char* const kTransferHeader = "sources,target,order,affinity,gain,quality\n";

std::string transfer_rows_sentence(const std::string& text) {
  try {
    parse_transfer_table(text, "table.csv");
  } catch (const Error& error) {
    EXPECT_NE(error.code(), ErrorCode::kInternal) << error.what();
    EXPECT_EQ(error.sentence().find('\n'), std::string::npos);
    return error.sentence();
  }
  ADD_FAILURE() << "no error for: " << text;
  return {};
}

void expect_same(const TransferTable& a, const TransferTable& b) {
  ASSERT_EQ(a.rows.size(), b.rows.size());
  const auto same = [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); };
  for (std::size_t i = 0; i < a.rows.size(); ++i) {
    EXPECT_EQ(a.rows[i].sources, b.rows[i].sources);
    EXPECT_EQ(a.rows[i].target, b.rows[i].target);
    EXPECT_EQ(a.rows[i].extra, b.rows[i].extra);
    EXPECT_TRUE(same(a.rows[i].affinity, b.rows[i].affinity));
    EXPECT_TRUE(same(a.rows[i].gain, b.rows[i].gain));
    EXPECT_TRUE(same(a.rows[i].quality, b.rows[i].quality));
  }
}

TEST(TransferTable, ReadsRows) {
  const TransferTable table = parse_transfer_table(std::string(kTransferHeader) + "self,depth,1,0.25,.9,0.5\nedge + normal,depth,2,,1e-3,-2\n", "x");
  ASSERT_EQ(table.rows.size(), 2U);
  EXPECT_TRUE(table.rows[0].is_self());
  EXPECT_THAT(table.rows[1].sources, ElementsAre("edge", "normal"));
  EXPECT_EQ(table.rows[1].order, 2);
  EXPECT_TRUE(std::isnan(table.rows[1].affinity));
  EXPECT_EQ(table.rows[1].gain, 1e-3);
  EXPECT_EQ(table.rows[1].quality, -2);
  EXPECT_THAT(table.tasks(), ElementsAre("depth", "edge", "normal"));
  EXPECT_THAT(table.targets(), ElementsAre("depth"));
}

TEST(TransferTable, TakesAnyLineEndColumnOrderQuotingAndByteOrderMark) {
  const std::string lines[] = {"quality,note,target,order,sources,gain,affinity", "0.5,\"so, \"\"he\"\" said\",b,1,a,0.25,0.125",
                               "0.75,,b,,\"c+a\",1,2"};
  TransferTable reference;
  for (const std::string end : {"\n", "\r\n", "\r"}) {
    for (const std::string start : {"", "\xEF\xBB\xBF"}) {
      for (const bool last_end : {false, true}) {
        const std::string text = start + lines[0] + end + lines[1] + end + end + lines[2] + (last_end ? end : "");
        const TransferTable table = parse_transfer_table(text, "x");
        EXPECT_THAT(table.extra_columns, ElementsAre("note"));
        ASSERT_EQ(table.rows.size(), 2U);
        EXPECT_THAT(table.rows[0].extra, ElementsAre("so, \"he\" said"));
        EXPECT_EQ(table.rows[0].affinity, 0.125);
        EXPECT_EQ(table.rows[1].order, 2);
      }
    }
  }
}

TEST(TransferTable, WhatIsWrittenReadsBackTheSame) {
  RandomStream random(1, "round trip");
  TransferTable table = random_table(random, 7, 12, false);
  table.extra_columns = {"note", "odd, name"};
  for (TransferRow& row : table.rows) row.extra = {"a \"quoted\" word", " line\nend\r\n,"};
  table.rows[0].affinity = 5e-324;
  table.rows[0].gain = 0.1 + 0.2;
  table.rows[0].quality = -1e100;
  const std::string text = to_csv(table);
  const TransferTable again = parse_transfer_table(text, "x");
  EXPECT_EQ(to_csv(again), text);
  EXPECT_EQ(again.rows.size(), table.rows.size());

  TemporaryFolder folder;
  write_transfer_table(folder.path() / "t.csv", again);
  expect_same(read_transfer_table(folder.path() / "t.csv"), again);
  std::reverse(table.rows.begin(), table.rows.end());
  EXPECT_EQ(to_csv(table), text) << "the order of rows in memory must not show";
}

TEST(TransferTable, BadInputGivesOneSentenceWithFileAndLine) {
  const std::string h = kTransferHeader;
  EXPECT_THAT(transfer_rows_sentence(""), HasSubstr("table.csv: there are no rows; the file is empty"));
  EXPECT_THAT(transfer_rows_sentence(h), HasSubstr("table.csv: there are no rows"));
  EXPECT_THAT(transfer_rows_sentence("sources,target,order,afinity,gain,quality\na,b,1,1,1,1\n"),
              HasSubstr("table.csv line 1: the column 'affinity' is missing, did you mean 'afinity'?"));
  EXPECT_THAT(transfer_rows_sentence("sources,target,order,affinity,gain,quality,gain\na,b,1,1,1,1,1\n"), HasSubstr("'gain' stands twice"));
  EXPECT_THAT(transfer_rows_sentence(h + "a,b,1,0.5,0.5,0.5\nc,b,1,much,0.5,0.5\n"), HasSubstr("table.csv line 3: 'much' in column affinity"));
  for (const char* const bad : {"nan", "NaN", "inf", "-inf", "1e999", "0x10", "1,5", "1 2", "1e101", "--1"}) {
    EXPECT_THAT(transfer_rows_sentence(h + "a,b,1,0.5,\"" + bad + "\",0.5\n"), HasSubstr("table.csv line 2: ")) << bad;
  }
  EXPECT_THAT(transfer_rows_sentence(h + "a+c,b,2,1,1,1\nd,b,1,1,1,1\nc+a,b,2,1,1,1\n"),
              HasSubstr("table.csv line 4: the transfer from 'c+a' to 'b' stands in line 2 already"));
  EXPECT_THAT(transfer_rows_sentence(h + "a,b,2,1,1,1\n"), HasSubstr("the order is 2, but 'a' names 1 source(s)"));
  EXPECT_THAT(transfer_rows_sentence(h + "a,b,1.5,1,1,1\n"), HasSubstr("'1.5' in column order is not a whole number"));
  EXPECT_THAT(transfer_rows_sentence(h + "a++c,b,3,1,1,1\n"), HasSubstr("empty source"));
  EXPECT_THAT(transfer_rows_sentence(h + "\"a\nb\",c,1,1,1,1\n"), HasSubstr("a task's name holds a line end"));
  EXPECT_THAT(transfer_rows_sentence(h + "a,\"c\rd\",1,1,1,1\n"), HasSubstr("a task's name holds a line end"));
  EXPECT_THAT(transfer_rows_sentence(h + ",b,1,1,1,1\n"), HasSubstr("line 2: the sources are empty"));
  EXPECT_THAT(transfer_rows_sentence(h + "a,,1,1,1,1\n"), HasSubstr("line 2: the target is empty"));
  EXPECT_THAT(transfer_rows_sentence(h + "a+a,b,2,1,1,1\n"), HasSubstr("'a' stands twice"));
  EXPECT_THAT(transfer_rows_sentence(h + "self+a,b,2,1,1,1\n"), HasSubstr("'self' stands for the target's own network alone"));
  EXPECT_THAT(transfer_rows_sentence(h + "a,self,1,1,1,1\n"), HasSubstr("'self' is no target"));
  EXPECT_THAT(transfer_rows_sentence(h + "a,b,1,1,1\n"), HasSubstr("line 2: the header has 6 columns, but this line has 5"));
  EXPECT_THAT(transfer_rows_sentence(h + "a,b,1,1,1,1,1\n"), HasSubstr("has 7"));
  EXPECT_THAT(transfer_rows_sentence(h + "\"a,b,1,1,1,1\n"), HasSubstr("line 2: the quote that opens a cell here is never closed"));
  EXPECT_THAT(transfer_rows_sentence(h + "\"a\"x,b,1,1,1,1\n"), HasSubstr("line 2: there is text behind the closing quote"));
  EXPECT_THAT(transfer_rows_sentence(h + "a\"x,b,1,1,1,1\n"), HasSubstr("line 2: there is a quote inside an unquoted cell"));
  EXPECT_THAT(transfer_rows_sentence(h + "a\xff,b,1,1,1,1\n"), HasSubstr("not UTF-8"));
  EXPECT_THAT(transfer_rows_sentence(h + "a\xed\xa0\x80,b,1,1,1,1\n"), HasSubstr("not UTF-8"));
  EXPECT_THAT(transfer_rows_sentence(h + std::string("a\0,b,1,1,1,1\n", 13)), HasSubstr("control character"));
  EXPECT_THROW(read_transfer_table("/no/such/table.csv"), Error);
}

TEST(TransferTable, MutatedFilesNeverGetPastTheReader) {
  RandomStream random(2, "mutation");
  TransferTable table = random_table(random, 4, 5, false);
  table.extra_columns = {"note"};
  for (TransferRow& row : table.rows) row.extra = {"a \"quoted\", cell"};
  const std::string original = to_csv(table);
  const std::string alphabet = "\",\r\n+-.e0159 self\x80\xff" + std::string(1, '\0');
  std::int64_t refused = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string text = original;
    for (std::uint64_t edits = 1 + random.below(4); edits > 0; --edits) {
      const std::size_t at = random.below(text.size());
      switch (random.below(4)) {
        case 0: text[at] = alphabet[random.below(alphabet.size())]; break;
        case 1: text.insert(at, 1, alphabet[random.below(alphabet.size())]); break;
        case 2: text.erase(at, 1 + random.below(20)); break;
        default: text.insert(at, text.substr(random.below(text.size()), random.below(40))); break;
      }
      if (text.empty()) text = ",";
    }
    try {
      const TransferTable read = parse_transfer_table(text, "mutated");
      // What the reader lets through is a sound table: it survives the check and a round trip.
      ASSERT_EQ(to_csv(parse_transfer_table(to_csv(read), "again")), to_csv(read)) << text;
    } catch (const Error& error) {
      ++refused;
      ASSERT_TRUE(error.code() == ErrorCode::kFormat || error.code() == ErrorCode::kData) << error.what();
      ASSERT_NE(error.sentence().find("mutated"), std::string::npos) << error.what();
    }
  }
  EXPECT_GT(refused, 2000);
  EXPECT_LT(refused, 20000);
}

TEST(TransferTable, ReadsThePublishedTables) {
  for (const auto& [name, rows] : {std::pair{"transfers_1k.csv", 1418U}, std::pair{"first_and_second_order.csv", 836U}}) {
    if (!std::filesystem::exists(published_file(name))) GTEST_SKIP() << "the published table " << name << " is not there";
    const TransferTable table = read_transfer_table(published_file(name));
    EXPECT_EQ(table.rows.size(), rows);
    expect_same(parse_transfer_table(to_csv(table), "again"), parse_transfer_table(to_csv(parse_transfer_table(to_csv(table), "a")), "b"));
    // The released affinities of a target are shares of one eigenvector.
    for (const std::string& target : table.targets()) {
      double sum = 0;
      for (const TransferRow& row : table.rows) sum += row.target == target && !std::isnan(row.affinity) ? row.affinity : 0;
      EXPECT_NEAR(sum, 1.0, 1e-9) << name << " " << target;
    }
  }
}

}  // namespace
}  // namespace affinis::taxonomy
