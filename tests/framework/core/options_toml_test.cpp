#include <cmath>
#include <cstring>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/options.h"
#include "framework/core/random.h"
#include "tests/framework/core/options_test_structs.h"

namespace affinis {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct TopOptions {
  std::string title = "study";
  std::int64_t seed = 1;

  static const std::vector<OptionField>& fields() {
    static const std::vector<OptionField> table = {
        option("title", &TopOptions::title, "what the report is called"),
        option("seed", &TopOptions::seed, "of every random stream"),
    };
    return table;
  }

  friend bool operator==(const TopOptions&, const TopOptions&) = default;
};

struct Study {
  EveryOptions every;
  OtherOptions other;
  TopOptions top;
  // The nameless section stands last, where its keys would be read as another section's.
  std::vector<OptionSection> sections() {
    return {option_section("training", "How networks are trained.", every),
            option_section("run.jobs", "How jobs\nrun.", other),
            option_section("", "The study.", top)};
  }
  friend bool operator==(const Study&, const Study&) = default;
};

class TomlTest : public testing::Test {
 protected:
  void read(std::string_view text) { parse_toml(text, "study.toml", study_.sections()); }
  std::string refusal(std::string_view text) {
    const Study before = study_;
    std::string sentence = "nothing was thrown";
    try {
      read(text);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kConfig);
      sentence = error.sentence();
    }
    EXPECT_EQ(study_, before) << "changed by an error";
    return sentence;
  }

  Study study_;
};

TEST_F(TomlTest, SetsEveryTypeAndLeavesTheRest) {
  read(R"(
title = "rooms"
[training]
flip = false
learning_rate = 1      # an integer will do
patience = inf
tasks = [ "edges",
          "depth" ]
sizes = []
weights = [1, 2.5]
[run]
jobs.epochs = 9
)");
  EXPECT_EQ(study_.top.title, "rooms");
  EXPECT_EQ(study_.top.seed, 1);
  EXPECT_FALSE(study_.every.flip);
  EXPECT_EQ(study_.every.learning_rate, 1.0);
  EXPECT_EQ(study_.every.patience, std::numeric_limits<double>::infinity());
  EXPECT_THAT(study_.every.tasks, ElementsAre("edges", "depth"));
  EXPECT_THAT(study_.every.sizes, IsEmpty());
  EXPECT_THAT(study_.every.weights, ElementsAre(1.0, 2.5));
  EXPECT_EQ(study_.every.epochs, 30);
  EXPECT_EQ(study_.other.epochs, 9);
}

TEST_F(TomlTest, EchoReadsBackToTheSameOptions) {
  study_.every.name = "\"q\" \\ \n\r\t\b\x01\x7F \u00e9 # [x] = '''";
  study_.every.tasks = {"edges"};
  study_.every.weights = {1.0 / 3, -0.0, 5e-324, -1.7976931348623157e308,
                          -std::numeric_limits<double>::infinity()};
  study_.every.sizes = {1, std::numeric_limits<std::int64_t>::max()};
  study_.every.learning_rate = 0.1 + 0.2;
  study_.other.epochs = std::numeric_limits<std::int64_t>::min();
  study_.top.title = "";
  study_.top.seed = 99;
  const std::string text = to_toml(study_.sections());
  Study again;
  parse_toml(text, "echo", again.sections());
  EXPECT_EQ(again, study_);
  EXPECT_TRUE(std::signbit(again.every.weights[1]));
  EXPECT_EQ(to_toml(again.sections()), text);
}

TEST_F(TomlTest, EchoKeepsRandomDoubles) {
  RandomStream stream(1, "toml doubles");
  study_.every.weights.clear();
  while (study_.every.weights.size() < 2000) {
    const std::uint64_t bits = stream.bits();
    double number;
    std::memcpy(&number, &bits, sizeof number);
    if (number <= 10) study_.every.weights.push_back(number);
  }
  Study again;
  parse_toml(to_toml(study_.sections()), "echo", again.sections());
  EXPECT_EQ(again.every.weights, study_.every.weights);
}

TEST_F(TomlTest, EchoExplainsEachSetting) {
  EXPECT_EQ(to_toml({study_.sections()[1], study_.sections()[2]}),
            "# The study.\n"
            "# what the report is called\n"
            "title = \"study\"\n"
            "# of every random stream\n"
            "seed = 1\n"
            "\n"
            "# How jobs run.\n"
            "[run.jobs]\n"
            "# passes\n"
            "epochs = 2\n"
            "# processes\n"
            "workers = 1\n");
}

TEST_F(TomlTest, UnknownKeysAndSectionsAreSentences) {
  EXPECT_EQ(refusal("\n[training]\nepoch = 3\n"),
            "study.toml line 3: there is no option 'epoch' in [training], did you mean 'epochs'?");
  EXPECT_EQ(refusal("[trainig]\nepochs = 3\n"),
            "study.toml line 1: there is no section [trainig], did you mean 'training'?");
  EXPECT_EQ(refusal("[zebra]\n"),
            "study.toml line 1: there is no section [zebra]; the sections are training, run.jobs");
  EXPECT_EQ(refusal("[training.deep]\nx = 1\n"),
            "study.toml line 1: there is no section [training.deep]; the sections are training, "
            "run.jobs");
  EXPECT_EQ(refusal("[run]\nepochs = 3\n"),
            "study.toml line 2: there is no section [run]; the sections are training, run.jobs");
  EXPECT_EQ(refusal("epochs = 3\n"),
            "study.toml line 1: there is no option 'epochs'; it belongs to [training]");
  EXPECT_EQ(refusal("[training]\nseed = 3\n"),
            "study.toml line 2: there is no option 'seed' in [training]; it belongs above the "
            "first section");
  EXPECT_EQ(refusal("[[training]]\nepochs = 3\n"),
            "study.toml line 1: [[training]] must be written [training] and stand only once");
  EXPECT_EQ(refusal("zebra = 3\n"),
            "study.toml line 1: there is no option 'zebra'; the options are title, seed");
}

TEST_F(TomlTest, KeysAboveTheFirstSectionNeedTheNamelessSection) {
  OtherOptions other;
  try {
    parse_toml("epochs = 3\nzebra = 1\n", "a.toml", {option_section("run", "", other)});
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.sentence(),
              "a.toml has 2 problems: line 1: there is no option 'epochs'; it belongs to [run]; "
              "line 2: there is no option "
              "'zebra'; there are no options outside the sections");
  }
}

TEST_F(TomlTest, WrongTypesAreSentences) {
  const auto refused = [&](const std::string& line) {
    return refusal("[training]\n" + line + "\n");
  };
  EXPECT_EQ(refused("flip = 1"),
            "study.toml line 2: training.flip must be true or false, but is 1");
  EXPECT_EQ(refused("epochs = 1.0"),
            "study.toml line 2: training.epochs must be an integer, but is 1.0");
  EXPECT_EQ(refused("epochs = \"3\""),
            "study.toml line 2: training.epochs must be an integer, but is \"3\"");
  EXPECT_EQ(refused("learning_rate = true"),
            "study.toml line 2: training.learning_rate must be a number, but is true");
  EXPECT_EQ(refused("learning_rate = inf"),
            "study.toml line 2: training.learning_rate must be between 0 and 1, but is inf");
  EXPECT_EQ(refused("name = 2026-01-01"),
            "study.toml line 2: training.name must be a string, but is a date or time");
  EXPECT_EQ(refused("name = {a = 1}"),
            "study.toml line 2: training.name must be a string, but is a table");
  EXPECT_EQ(refused("tasks = \"depth\""),
            "study.toml line 2: training.tasks must be a list of strings, but is \"depth\"");
  EXPECT_EQ(refused("sizes = [1, [2]]"),
            "study.toml line 2: training.sizes must be a list of integers, but is [1, [2]]");
  EXPECT_EQ(refused("sizes = [{a = 1}]"),
            "study.toml line 2: training.sizes must be a list of integers, but is a list of "
            "something else");
  EXPECT_EQ(refusal("training = 3\n"),
            "study.toml line 1: there is no option 'training'; the options are title, seed");
}

TEST_F(TomlTest, AllProblemsComeInOneErrorInTheOrderOfLines) {
  EXPECT_EQ(refusal("sead = 3\n"
                    "[training]\n"
                    "weights = [11]\n"
                    "flip = false\n"
                    "epochs = 0\n"
                    "[runn]\n"),
            "study.toml has 4 problems: line 1: there is no option 'sead', did you mean 'seed'; "
            "line 3: each item of "
            "training.weights must be at most 10, but one is 11.0; line 5: training.epochs must be "
            "between 1 and 1000, but is "
            "0; line 6: there is no section [runn]; the sections are training, run.jobs");
}

TEST_F(TomlTest, SyntaxErrorsHaveALine) {
  EXPECT_THAT(refusal("[training]\nepochs = \n"),
              HasSubstr("study.toml line 2: this is not valid TOML: "));
  EXPECT_THAT(refusal("[training]\nepochs = 1\nepochs = 2\n"),
              HasSubstr("study.toml line 3: this is not valid TOML: "));
  EXPECT_THAT(refusal("x = \"\xFF\"\n"), HasSubstr("study.toml line 1: this is not valid TOML: "));
  EXPECT_LT(refusal("x" + std::string(100000, 'y')).size(), 400U);
  EXPECT_THAT(refusal("x = " + std::string(100000, '[')), HasSubstr("not valid TOML"));
}

TEST_F(TomlTest, LoadNamesTheFile) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder.path() / "study.toml";
  try {
    load_toml(path, study_.sections());
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
    EXPECT_THAT(error.sentence(), HasSubstr("cannot read '" + path.string() + "'"));
  }
  write_file_atomically(path, std::string_view("\xEF\xBB\xBFseed = 4\r\n"));
  load_toml(path, study_.sections());
  EXPECT_EQ(study_.top.seed, 4);
  write_file_atomically(path, std::string_view("sed = 4"));
  try {
    load_toml(path, study_.sections());
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.sentence(),
              path.string() + " line 1: there is no option 'sed', did you mean 'seed'?");
  }
}

TEST_F(TomlTest, MutatedTextGivesOptionsOrAnErrorOfOurs) {
  const std::string valid = "seed = 3\n" + to_toml({study_.sections()[0], study_.sections()[1]}) +
                            "[extra]\nd = 1979-05-27T07:32:00Z\nh = 0x1F\nu = 1_000\ns = "
                            "'''raw'''\nm = \"\"\"\nlong\\\n \"\"\"\n"
                            "t = {a.b = 1, c = [1, {d = 2}]}\n[[list]]\nx = 1e3\n";
  static constexpr std::string_view kLetters =
      "[]{}=\"'#.,\\ue0123456789-+_ \n\r\ttfinaTZ:\x80\xC3\xFF";
  RandomStream stream(3, "toml mutations");
  int syntax_errors = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text = valid;
    for (std::uint64_t change = 0, changes = 1 + stream.below(4); change < changes && !text.empty();
         ++change) {
      const auto at = static_cast<std::size_t>(stream.below(text.size()));
      const char letter = kLetters[static_cast<std::size_t>(stream.below(kLetters.size()))];
      switch (stream.below(5)) {
        case 0:
          text[at] = letter;
          break;
        case 1:
          text.insert(at, 1, letter);
          break;
        case 2:
          text.erase(at, 1 + static_cast<std::size_t>(stream.below(9)));
          break;
        case 3:
          text.insert(at, text.substr(static_cast<std::size_t>(stream.below(text.size())), 12));
          break;
        default:
          text.resize(at);
          break;
      }
    }
    Study study;
    try {
      parse_toml(text, "study.toml", study.sections());
    } catch (const Error& error) {
      ASSERT_EQ(error.code(), ErrorCode::kConfig) << text;
      syntax_errors += error.sentence().find("not valid TOML") != std::string::npos ? 1 : 0;
    }
  }
  EXPECT_GT(syntax_errors, 4000);
  EXPECT_LT(syntax_errors, 19000);
}

}  // namespace
}  // namespace affinis
