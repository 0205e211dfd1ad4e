#include "framework/core/registry.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace affinis {
namespace {

using testing::ElementsAre;

std::string registration_sentence(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.sentence();
  }
  return "nothing was thrown";
}

class RegistryTest : public testing::Test {
 protected:
  RegistryTest() {
    registry_.add("uncertainty", {"kendall", "homoscedastic"}, std::make_shared<int>(1));
    registry_.add("equal", {}, std::make_shared<int>(2));
  }
  Registry<int> registry_{"balancer"};
};

TEST_F(RegistryTest, FindsByNameAndAlias) {
  EXPECT_EQ(*registry_.get("uncertainty"), 1);
  EXPECT_EQ(registry_.get("kendall"), registry_.get("uncertainty"));
  EXPECT_EQ(*registry_.find("equal"), 2);
  EXPECT_EQ(registry_.find("none"), nullptr);
  EXPECT_THAT(registry_.names(), ElementsAre("equal", "uncertainty"));
}

TEST_F(RegistryTest, RefusesTakenNamesAndAliasesAndStaysAsItWas) {
  EXPECT_EQ(registration_sentence([&] { registry_.add("equal", {}, nullptr); }),
            "the balancer name 'equal' of 'equal' is already taken by 'equal'; rename one of them");
  EXPECT_EQ(
      registration_sentence([&] {
        registry_.add("new", {"fresh", "kendall"}, nullptr);
      }),
      "the balancer name 'kendall' of 'new' is already taken by 'uncertainty'; rename one of them");
  EXPECT_EQ(registration_sentence([&] { registry_.add("kendall", {}, nullptr); }),
            "the balancer name 'kendall' of 'kendall' is already taken by 'uncertainty'; rename "
            "one of them");
  EXPECT_EQ(registration_sentence([&] { registry_.add("third", {"equal"}, nullptr); }),
            "the balancer name 'equal' of 'third' is already taken by 'equal'; rename one of them");
  EXPECT_EQ(registry_.find("fresh"), nullptr);
  EXPECT_EQ(registry_.find("new"), nullptr);
  EXPECT_THAT(registry_.names(), ElementsAre("equal", "uncertainty"));
}

TEST_F(RegistryTest, UnknownNamesGetTheNearestOrAll) {
  EXPECT_EQ(registration_sentence([&] { registry_.get("uncertanty"); }),
            "there is no balancer named 'uncertanty', did you mean 'uncertainty'?");
  EXPECT_EQ(registration_sentence([&] { registry_.get("kendal"); }),
            "there is no balancer named 'kendal', did you mean 'kendall'?");
  EXPECT_EQ(registration_sentence([&] { registry_.get("gradnorm"); }),
            "there is no balancer named 'gradnorm'; the names are equal, uncertainty");
}

TEST_F(RegistryTest, RemovingFreesNameAndAliases) {
  registry_.remove("uncertainty");
  EXPECT_EQ(registry_.find("kendall"), nullptr);
  registry_.add("kendall", {}, std::make_shared<int>(3));
  EXPECT_EQ(*registry_.get("kendall"), 3);
}

}  // namespace
}  // namespace affinis
