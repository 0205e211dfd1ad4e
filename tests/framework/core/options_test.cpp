#include "framework/core/options.h"

#include <cmath>
#include <functional>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "tests/framework/core/options_test_structs.h"

namespace affinis {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::string sentence_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.sentence();
  }
  return "nothing was thrown";
}

class OptionsTest : public testing::Test {
 protected:
  std::string refusal(std::string_view key, std::string_view text) {
    const EveryOptions before = every_;
    const std::string sentence = sentence_of([&] { set_option(section_, key, text, "--set"); });
    EXPECT_EQ(every_, before) << "changed by an error";
    return sentence;
  }
  void set(std::string_view key, std::string_view text) {
    set_option(section_, key, text, "--set");
  }

  EveryOptions every_;
  OtherOptions other_;
  OptionSection section_ = option_section("training", "How networks are trained.", every_);
  std::vector<OptionSection> sections_ = {section_, option_section("run", "How jobs run.", other_)};
};

TEST_F(OptionsTest, TextSetsEveryType) {
  set("flip", "false");
  set("epochs", " 7 ");
  set("learning_rate", "1");
  set("patience", "1.5e2");
  set("device", "cuda");
  set("name", "a b, c");
  EXPECT_FALSE(every_.flip);
  EXPECT_EQ(every_.epochs, 7);
  EXPECT_EQ(every_.learning_rate, 1.0);
  EXPECT_EQ(every_.patience, 150.0);
  EXPECT_EQ(every_.device, "cuda");
  EXPECT_EQ(every_.name, "a b, c");
  set("name", R"(" kept \"\\ ")");
  EXPECT_EQ(every_.name, " kept \"\\ ");
  set("patience", "inf");
  EXPECT_EQ(every_.patience, kInfinity);
}

TEST_F(OptionsTest, TextSetsLists) {
  set("tasks", "edges, depth");
  EXPECT_THAT(every_.tasks, ElementsAre("edges", "depth"));
  set("tasks", R"(["edges"])");
  EXPECT_THAT(every_.tasks, ElementsAre("edges"));
  set("sizes", "[1,2]");
  EXPECT_THAT(every_.sizes, ElementsAre(1, 2));
  set("sizes", "3");
  EXPECT_THAT(every_.sizes, ElementsAre(3));
  set("weights", "1, 2.5");
  EXPECT_THAT(every_.weights, ElementsAre(1.0, 2.5));
  for (const char* empty : {"", "[]", "[ ]"}) {
    set("weights", "1");
    set("weights", empty);
    EXPECT_THAT(every_.weights, IsEmpty());
  }
}

TEST_F(OptionsTest, QuotedListItemsMayHoldCommas) {
  struct Free {
    std::vector<std::string> words;
    static const std::vector<OptionField>& fields() {
      static const std::vector<OptionField> table = {option("words", &Free::words, "any words")};
      return table;
    }
  } options;
  set_option(option_section("a", "", options), "words", R"("x, y", z, "")", "");
  EXPECT_THAT(options.words, ElementsAre("x, y", "z", ""));
}

TEST_F(OptionsTest, WrongTypesAreSentences) {
  EXPECT_EQ(refusal("flip", "yes"), "--set: training.flip must be true or false, but is 'yes'");
  EXPECT_EQ(refusal("epochs", "1.5"), "--set: training.epochs must be an integer, but is '1.5'");
  EXPECT_EQ(refusal("epochs", ""), "--set: training.epochs must be an integer, but is ''");
  EXPECT_EQ(refusal("learning_rate", "fast"),
            "--set: training.learning_rate must be a number, but is 'fast'");
  EXPECT_EQ(refusal("name", "\"open"), "--set: training.name must be a string, but is '\"open'");
  EXPECT_EQ(refusal("tasks", "depth,,edges"),
            "--set: training.tasks must be a list of strings, but is 'depth,,edges'");
  EXPECT_EQ(refusal("sizes", "1,a"),
            "--set: training.sizes must be a list of integers, but is '1,a'");
  EXPECT_EQ(refusal("sizes", "[1"),
            "--set: training.sizes must be a list of integers, but is '[1'");
  EXPECT_EQ(refusal("sizes", "["), "--set: training.sizes must be a list of integers, but is '['");
  EXPECT_EQ(refusal("weights", "1,"),
            "--set: training.weights must be a list of numbers, but is '1,'");
}

TEST_F(OptionsTest, BoundsAndChoicesAreSentences) {
  EXPECT_EQ(refusal("epochs", "0"), "--set: training.epochs must be between 1 and 1000, but is 0");
  EXPECT_EQ(refusal("patience", "-0.5"),
            "--set: training.patience must be at least 0, but is -0.5");
  EXPECT_EQ(refusal("learning_rate", "nan"),
            "--set: training.learning_rate must be between 0 and 1, but is nan");
  EXPECT_EQ(refusal("sizes", "4,0"),
            "--set: each item of training.sizes must be at least 1, but one is 0");
  EXPECT_EQ(refusal("weights", "11"),
            "--set: each item of training.weights must be at most 10, but one is 11.0");
  EXPECT_EQ(refusal("device", "cude"),
            "--set: training.device must be one of cpu, cuda, but is 'cude', did you mean 'cuda'?");
  EXPECT_EQ(refusal("device", "tpu9000"),
            "--set: training.device must be one of cpu, cuda, but is 'tpu9000'");
  EXPECT_EQ(refusal("tasks", "depth,edge"),
            "--set: each item of training.tasks must be one of depth, normals, edges, but is "
            "'edge', did you mean 'edges'?");
}

TEST_F(OptionsTest, NanIsRefusedWithoutBoundsToo) {
  struct Free {
    double value = 1;
    static const std::vector<OptionField>& fields() {
      static const std::vector<OptionField> table = {option("value", &Free::value, "any number")};
      return table;
    }
  } options;
  EXPECT_EQ(sentence_of([&] { set_option(option_section("a", "", options), "value", "nan", ""); }),
            "a.value must be a number, but is nan");
}

TEST_F(OptionsTest, UnknownKeysGetTheNearestOrAll) {
  EXPECT_EQ(
      refusal("lerning_rate", "1"),
      "--set: there is no option 'lerning_rate' in [training], did you mean 'learning_rate'?");
  EXPECT_EQ(refusal("zebra", "1"),
            "--set: there is no option 'zebra' in [training]; the options are flip, epochs, "
            "learning_rate, patience, device, "
            "name, tasks, sizes, weights");
}

TEST_F(OptionsTest, OverrideNeedsNoSectionWhenOneHasTheKey) {
  apply_override(sections_, "training.epochs=5");
  apply_override(sections_, "run.epochs = 6");
  apply_override(sections_, "workers=3");
  apply_override(sections_, "name=x=y");
  EXPECT_EQ(every_.epochs, 5);
  EXPECT_EQ(other_.epochs, 6);
  EXPECT_EQ(other_.workers, 3);
  EXPECT_EQ(every_.name, "x=y");
}

TEST_F(OptionsTest, OverrideErrorsAreSentences) {
  const auto refused = [&](std::string_view text) {
    return sentence_of([&] { apply_override(sections_, text); });
  };
  EXPECT_EQ(
      refused("epochs=3"),
      "--set epochs=3: several sections have 'epochs'; write one of training.epochs, run.epochs");
  EXPECT_EQ(refused("workrs=3"),
            "--set workrs=3: there is no option 'workrs', did you mean 'workers'?");
  EXPECT_EQ(refused("zebra=3"),
            "--set zebra=3: there is no option 'zebra'; write section.key=value");
  EXPECT_EQ(refused("trainig.epochs=3"),
            "--set trainig.epochs=3: there is no section 'trainig', did you mean 'training'?");
  EXPECT_EQ(refused("zebra.epochs=3"),
            "--set zebra.epochs=3: there is no section 'zebra'; the sections are training, run");
  EXPECT_EQ(refused("run.flip=true"),
            "--set run.flip=true: there is no option 'flip' in [run]; it belongs to [training]");
  EXPECT_EQ(refused("training.epochs"),
            "--set training.epochs: there is no '='; write section.key=value");
  EXPECT_EQ(refused("=3"), "--set =3: there is no key before the '='; write section.key=value");
  EXPECT_EQ(refused("training.epochs=0"),
            "--set training.epochs=0: training.epochs must be between 1 and 1000, but is 0");
  EXPECT_EQ(every_, EveryOptions());
  EXPECT_EQ(other_, OtherOptions());
}

TEST_F(OptionsTest, JsonRoundTripsThroughText) {
  every_.weights = {1.0 / 3, -kInfinity};
  every_.epochs = 999;
  const json values = json::parse(to_json(section_).dump());
  EveryOptions read;
  read.flip = false;
  from_json(option_section("training", "", read), values);
  EXPECT_EQ(read, every_);
}

TEST_F(OptionsTest, JsonErrorsComeTogetherAndChangeNothing) {
  EXPECT_EQ(sentence_of([&] {
              from_json(section_, {{"epochs", 2.5},
                                   {"flip", false},
                                   {"nam", "x"},
                                   {"weights", {1, "a"}},
                                   {"name", "inf"},
                                   {"sizes", 18446744073709551615ULL}});
            }),
            "training.epochs must be an integer, but is 2.5; there is no option 'nam' in "
            "[training], did you mean 'name'; "
            "training.sizes must be a list of integers, but is 18446744073709551615; "
            "training.weights must be a list of "
            "numbers, but is [1, \"a\"]");
  EXPECT_EQ(sentence_of([&] {
              from_json(section_, {{"epochs", 18446744073709551615ULL}});
            }),
            "training.epochs must be an integer, but is 18446744073709551615");
  EXPECT_THAT(sentence_of([&] { from_json(section_, json::array()); }),
              HasSubstr("must be a JSON object, but are of type array"));
  EXPECT_EQ(every_, EveryOptions());
}

TEST_F(OptionsTest, ResultsOnlyLeavesOutWhatDoesNotMatter) {
  EXPECT_TRUE(to_json(section_).contains("device"));
  EXPECT_FALSE(to_json(section_, true).contains("device"));
  EXPECT_EQ(to_json(sections_)["run"], json({{"epochs", 2}, {"workers", 1}}));
  EXPECT_EQ(to_json(sections_, true)["run"], json({{"epochs", 2}}));
}

TEST_F(OptionsTest, HashIgnoresWhatDoesNotAffectResults) {
  const std::string before = options_hash(sections_);
  EXPECT_EQ(before.size(), 32U);
  every_.device = "cuda";
  other_.workers = 9;
  EXPECT_EQ(options_hash(sections_), before);
  every_.learning_rate = std::nextafter(every_.learning_rate, 1.0);
  EXPECT_NE(options_hash(sections_), before);
}

TEST_F(OptionsTest, HashSeesEveryFieldThatAffectsResults) {
  const std::vector<std::string> changes = {
      "flip=false",  "training.epochs=31", "learning_rate=0.5", "patience=3",
      "name=b",      "tasks=edges",        "sizes=1",           "weights=1",
      "run.epochs=3"};
  std::set<std::string> hashes = {options_hash(sections_)};
  for (const std::string& change : changes) {
    EveryOptions every;
    OtherOptions other;
    const std::vector<OptionSection> sections = {option_section("training", "", every),
                                                 option_section("run", "", other)};
    apply_override(sections, change);
    EXPECT_TRUE(hashes.insert(options_hash(sections)).second) << change;
  }
}

TEST_F(OptionsTest, HashIsNotChangedByASectionWithoutResults) {
  struct Quiet {
    bool verbose = false;
    static const std::vector<OptionField>& fields() {
      static const std::vector<OptionField> table = {
          option("verbose", &Quiet::verbose, "more lines", {.affects_result = false})};
      return table;
    }
  } quiet;
  const std::string before = options_hash(sections_);
  sections_.push_back(option_section("log", "", quiet));
  EXPECT_EQ(options_hash(sections_), before);
}

TEST_F(OptionsTest, SectionsMustDifferInName) {
  sections_.push_back(section_);
  EXPECT_THROW(to_json(sections_), Error);
  EXPECT_THROW(apply_override(sections_, "training.epochs=1"), Error);
}

TEST_F(OptionsTest, ValidateNamesEveryFieldThatIsWrong) {
  validate_options(section_);
  every_.epochs = 0;
  every_.device = "tpu";
  every_.weights = {1, std::nan("")};
  every_.patience = std::nan("");
  EXPECT_EQ(sentence_of([&] { validate_options(section_); }),
            "training.epochs must be between 1 and 1000, but is 0; training.patience must be at "
            "least 0, but is nan; "
            "training.device must be one of cpu, cuda, but is 'tpu', did you mean 'cpu'; each item "
            "of training.weights must be at most 10, but one "
            "is nan");
}

TEST_F(OptionsTest, TypeNamesAndTexts) {
  std::vector<std::string> names;
  std::vector<std::string> texts;
  for (const OptionField& field : *section_.fields) {
    names.emplace_back(option_type_name(field.get(&every_)));
    texts.push_back(format_option(field.get(&every_)));
  }
  EXPECT_THAT(names, ElementsAre("boolean", "integer", "number", "number", "string", "string",
                                 "list of strings", "list of integers", "list of numbers"));
  EXPECT_THAT(texts, ElementsAre("true", "30", "0.001", "inf", "\"cpu\"",
                                 R"("a \"quoted\" name \\ with\nlines")", R"(["depth", "normals"])",
                                 "[64, 128]", "[0.1, 1.0, 2e-07]"));
  EXPECT_EQ(format_option(OptionValue(-0.0)), "-0.0");
  EXPECT_EQ(format_option(OptionValue(1e300)), "1e+300");
  EXPECT_EQ(format_option(OptionValue(std::string("\x01\x7F\t\r"))), R"("\u0001\u007F\t\r")");
}

TEST_F(OptionsTest, MarkdownIsATableASection) {
  every_.name = "a|`b`";
  EXPECT_EQ(options_markdown(sections_),
            "## `[training]`\n\n"
            "How networks are trained.\n\n"
            "| option | type | default | allowed | meaning |\n"
            "| --- | --- | --- | --- | --- |\n"
            "| `flip` | boolean | `true` | `true`, `false` | whether images are mirrored |\n"
            "| `epochs` | integer | `30` | 1 to 1000 | passes over the data |\n"
            "| `learning_rate` | number | `0.001` | 0 to 1 | Adam's step size |\n"
            "| `patience` | number | `inf` | at least 0 | seconds without a gain |\n"
            "| `device` | string | `\"cpu\"` | `cpu`, `cuda` | where to compute (does not change "
            "results) |\n"
            "| `name` | string | `` \"a\\|`b`\" `` | any | a \\| free name |\n"
            "| `tasks` | list of strings | `[\"depth\", \"normals\"]` | `depth`, `normals`, "
            "`edges` | what to learn |\n"
            "| `sizes` | list of integers | `[64, 128]` | at least 1 | image sizes in pixels |\n"
            "| `weights` | list of numbers | `[0.1, 1.0, 2e-07]` | at most 10 | one a task |\n"
            "\n"
            "## `[run]`\n\n"
            "How jobs run.\n\n"
            "| option | type | default | allowed | meaning |\n"
            "| --- | --- | --- | --- | --- |\n"
            "| `epochs` | integer | `2` | any | passes |\n"
            "| `workers` | integer | `1` | any | processes (does not change results) |\n");
}

}  // namespace
}  // namespace affinis
