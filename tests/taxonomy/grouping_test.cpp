#include "taxonomy/grouping.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/random.h"
#include "tests/taxonomy/published.h"

namespace affinis::taxonomy {
namespace {

using testing::ElementsAre;

const std::vector<double> kBudgets = {1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5};

std::vector<std::string> names_of(const NetworkTable& table, const Grouping& grouping) {
  std::vector<std::string> names;
  for (const std::size_t n : grouping.networks) names.push_back(table.networks[n].name);
  return names;
}

/// Standley et al. (ICML 2020), test losses by budget, as their own program finds them on their released tables.
struct PublishedGrouping {
  const char* file;
  GroupingMethod method;
  std::vector<double> test_losses;
};
const std::vector<PublishedGrouping> kPublished = {
    {"grouping_1.csv", GroupingMethod::kOptimal, {.50278, .46132, .45224, .44612, .44235, .43932, .43555, .43555, .43481}},
    {"grouping_1.csv", GroupingMethod::kEarlyStop, {.50278, .48732, .46727, .46063, .45722, .45058, .45058, .44742, .44742}},
    {"grouping_1.csv", GroupingMethod::kHigherOrder, {.50278, .46132, .45474, .45050, .44875, .44489, .44112, .44552, .44196}},
    {"grouping_2.csv", GroupingMethod::kOptimal, {.35989, .35478, .31733, .31450, .30606, .30490, .30190, .30190, .30167}},
    {"grouping_2.csv", GroupingMethod::kEarlyStop, {.35989, .35989, .34696, .34696, .34483, .34483, .34483, .34483, .34483}},
    {"grouping_2.csv", GroupingMethod::kHigherOrder, {.35989, .35758, .31733, .31562, .31177, .30525, .30190, .30190, .30187}},
    {"grouping_3.csv", GroupingMethod::kOptimal, {.42998, .42275, .40857, .38776, .38352, .38352, .38249, .38249, .38249}},
    {"grouping_3.csv", GroupingMethod::kEarlyStop, {.42998, .44778, .43055, .39507, .40381, .39404, .40278, .39404, .40278}},
    {"grouping_3.csv", GroupingMethod::kHigherOrder, {.42998, .44778, .40887, .38776, .38352, .38682, .38574, .38574, .38471}},
};

TEST(Grouping, GivesThePublishedLosses) {
  for (const PublishedGrouping& expected : kPublished) {
    const auto path = published_file(expected.file);
    if (!std::filesystem::exists(path)) GTEST_SKIP() << "no released tables";
    const NetworkTable table = read_network_table(path);
    const auto cells = solve_grouping(table, selection_losses(table, expected.method), kBudgets);
    for (std::size_t i = 0; i < cells.size(); ++i) {
      EXPECT_NEAR(cells[i].test_loss, expected.test_losses[i], 6e-6)
          << expected.file << " method " << static_cast<int>(expected.method) << " budget " << kBudgets[i];
      EXPECT_TRUE(cells[i].proven);
      EXPECT_EQ(cells[i].bound, cells[i].selection_loss);
    }
  }
}

TEST(Grouping, ChoosesThePublishedNetworks) {
  const auto path = published_file("grouping_1.csv");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no released tables";
  const auto check = [](const char* file, double budget, const std::vector<std::string>& names, double validation_loss) {
    const NetworkTable table = read_network_table(published_file(file));
    const auto cell = solve_grouping(table, selection_losses(table, GroupingMethod::kOptimal), {budget}).front();
    EXPECT_THAT(names_of(table, cell), testing::UnorderedElementsAreArray(names));
    EXPECT_NEAR(cell.validation_loss, validation_loss, 6e-6);
  };
  check("grouping_1.csv", 2, {"s+d+n", "n+k+e"}, .45686);
  check("grouping_1.csv", 2.5, {"n", "s+d+n", "n+k+e"}, .45076);
  check("grouping_1.csv", 5, {"n", "k", "s+n+k", "d+n+k", "n+k+e"}, .43910);
  check("grouping_2.csv", 2, {"n+k", "s+d+n+e"}, .32196);
  check("grouping_2.csv", 3, {"n+k", "n+e", "s+d+n"}, .30962);
  check("grouping_3.csv", 2.5, {"s", "d+n", "n+k+e"}, .39099);
}

TEST(Grouping, GivesThePublishedGains) {
  const std::string order = "sdnke";
  const std::vector<std::vector<double>> expected[2] = {{{0, 4.35, 9.29, 5.06, 3.17},
                                                         {-5.13, 0, 2.54, 1.40, -.91},
                                                         {-10.14, -3.43, 0, -.02, -4.24},
                                                         {-4.15, 3.61, 1.39, 0, 1.39},
                                                         {-25.73, 3.91, 14.07, -5.00, 0}},
                                                        {{0, 1.72, 10.81, 3.12, -1.43},
                                                         {3.00, 0, 7.12, -.41, -1.40},
                                                         {-2.79, 1.18, 0, -10.12, -4.78},
                                                         {-5.20, -3.52, 88.98, 0, -3.05},
                                                         {27.80, 25.73, 71.59, 61.07, 0}}};
  for (std::size_t setting = 0; setting < 2; ++setting) {
    const auto path = published_file(setting == 0 ? "grouping_1.csv" : "grouping_2.csv");
    if (!std::filesystem::exists(path)) GTEST_SKIP() << "no released tables";
    const PairTable gains = pair_gains(read_network_table(path));
    const auto at = [&](char task) {
      return static_cast<std::size_t>(std::find(gains.tasks.begin(), gains.tasks.end(), std::string(1, task)) - gains.tasks.begin());
    };
    for (std::size_t i = 0; i < 5; ++i) {
      for (std::size_t j = 0; j < 5; ++j) {
        const double gain = gains.values[at(order[i]) * 5 + at(order[j])];
        if (i == j) {
          EXPECT_TRUE(std::isnan(gain));
        } else {
          EXPECT_NEAR(gain, expected[setting][i][j], 6e-3) << "setting " << setting + 1 << " " << order[i] << order[j];
        }
      }
    }
  }
}

// The tables released with TAG (Fifty et al., NeurIPS 2021); rows are helped, columns help.
PairTable pairs(const std::vector<std::string>& tasks, const std::vector<double>& values) { return {tasks, values}; }
const double kNot = std::nan("");
const PairTable kTag = pairs({"d", "k", "n", "s", "t"},
                             {kNot, 0.01353652075974951, 0.2914147606289435, 0.41355850961858076, 0.07395688217092156,     //
                              0.013365983131803236, kNot, 0.010729013557423, 0.021098526716001414, 0.6897358940641894,      //
                              0.22096194178241185, 0.010493772045577332, kNot, 0.13982367687578146, 0.07645966827511533,    //
                              0.11537429894122785, 0.00454724706606927, 0.04891036220837213, kNot, 0.008776140044461892,    //
                              0.03668338077695892, 0.30372134710544996, 0.03600666458561003, 0.056692022190245474, kNot});
const PairTable kCosine = pairs({"d", "k", "n", "s", "t"},
                                {kNot, 0.09153054737281137, 0.9115829230192612, 0.259569212601681, 0.15646468903944455,      //
                                 0.09153054737281137, kNot, 0.14588496629635408, 0.054060216676064456, 2.9680815659422954,   //
                                 0.9115829230192612, 0.14588496629635408, kNot, 0.24237152135772985, 0.28013964222462745,    //
                                 0.259569212601681, 0.054060216676064456, 0.24237152135772985, kNot, 0.08864023100811838,    //
                                 0.15646468903944455, 2.9680815659422954, 0.28013964222462745, 0.08864023100811838, kNot});
const PairTable kHoaTaskonomy = pairs({"d", "k", "n", "s", "t"}, {0.2616, 0.2674, 0.2551, 0.2636, 0.2675,  //
                                                                  0.1068, 0.0910, 0.0568, 0.0972, 0.0933,  //
                                                                  0.1002, 0.1110, 0.0975, 0.1004, 0.1082,  //
                                                                  0.0528, 0.0655, 0.0471, 0.0509, 0.0606,  //
                                                                  0.0423, 0.0232, 0.0310, 0.0287, 0.0337});
const std::vector<double> kCelebA = {92.28, 91.73, 92.09, 92.16, 92.34, 92.30, 92.18, 92.12, 92.20,  //
                                     90.41, 90.19, 90.29, 90.48, 90.24, 90.46, 90.30, 90.22, 90.34,  //
                                     94.87, 95.00, 94.96, 94.87, 94.95, 94.94, 94.94, 94.75, 94.98,  //
                                     84.44, 84.42, 84.39, 84.39, 84.09, 84.31, 84.30, 84.39, 84.39,  //
                                     95.84, 95.76, 95.81, 95.77, 95.90, 95.87, 96.07, 95.83, 95.83,  //
                                     95.69, 95.68, 95.80, 95.77, 95.75, 95.84, 95.75, 95.82, 95.74,  //
                                     94.14, 94.01, 93.99, 94.17, 94.47, 94.30, 94.44, 93.96, 94.14,  //
                                     94.66, 94.69, 94.64, 94.72, 94.68, 94.62, 94.62, 94.64, 94.59,  //
                                     98.61, 98.63, 98.64, 98.56, 98.69, 98.66, 98.67, 98.59, 98.69};

void expect_groups(const PairTable& table, bool affinities, double groups, double mean, std::vector<std::string> names, double tolerance) {
  const NetworkTable networks = groups_from_pairs(table, affinities);
  const Grouping cell = solve_grouping(networks, selection_losses(networks, GroupingMethod::kOptimal), {groups}).front();
  const double sign = affinities ? -1 : 1;
  EXPECT_NEAR(sign * cell.selection_loss / static_cast<double>(table.tasks.size()), mean, tolerance) << groups;
  if (names.empty()) return;
  EXPECT_THAT(names_of(networks, cell), testing::UnorderedElementsAreArray(names)) << groups;
}

TEST(Grouping, GivesTheOptimaOfInterTaskAffinities) {
  expect_groups(kTag, true, 2, .3216958, {"d+n+s", "k+t"}, 6e-8);
  expect_groups(kTag, true, 3, .3486704, {"d+s", "d+n", "k+t"}, 6e-8);
  expect_groups(kTag, true, 4, .3486704, {"d+s", "d+n", "k+t"}, 6e-8);
  expect_groups(kCosine, true, 2, 1.4699374, {"d+n+s", "k+t"}, 6e-8);
  expect_groups(kCosine, true, 3, 1.6037796, {"d+s", "d+n", "k+t"}, 6e-8);
  expect_groups(kHoaTaskonomy, false, 2, .10186, {"d+n+s+t", "k+n"}, 6e-6);
  expect_groups(kHoaTaskonomy, false, 3, .09792, {"d+n+s", "k+t", "k+n"}, 6e-6);
  expect_groups(kHoaTaskonomy, false, 4, .09648, {"n+s", "d+n", "k+t", "k+n"}, 6e-6);
  std::vector<double> errors;
  for (const double accuracy : kCelebA) errors.push_back(100 - accuracy);
  const PairTable celeba = pairs({"5_o_Clock_Shadow", "Black_Hair", "Blond_Hair", "Brown_Hair", "Goatee", "Mustache", "No_Beard",
                                  "Rosy_Cheeks", "Wearing_Hat"}, errors);
  expect_groups(celeba, false, 2, 6.520370,
                {"Goatee+No_Beard", "5_o_Clock_Shadow+Black_Hair+Blond_Hair+Brown_Hair+Mustache+Rosy_Cheeks+Wearing_Hat"}, 6e-7);
  expect_groups(celeba, false, 3, 6.490370, {}, 6e-7);
  expect_groups(celeba, false, 4, 6.472222, {}, 6e-7);
}

NetworkTable random_networks(RandomStream& random, std::size_t tasks, std::size_t networks, const std::vector<double>& costs) {
  NetworkTable table;
  for (std::size_t t = 0; t < tasks; ++t) table.tasks.push_back("t" + std::to_string(t));
  for (std::size_t n = 0; n < networks; ++n) {
    CandidateNetwork network;
    network.name = "n" + std::to_string(n);
    network.cost = costs[random.below(costs.size())];
    for (std::size_t t = 0; t < tasks; ++t) {
      if (random.uniform() < 0.4) network.tasks.push_back(t);
    }
    if (network.tasks.empty()) network.tasks.push_back(n % tasks);
    for (std::size_t i = 0; i < network.tasks.size(); ++i) network.validation.push_back(random.uniform());
    network.early = network.test = network.validation;
    table.networks.push_back(network);
  }
  return table;
}

/// Every set of networks.
double brute_force(const NetworkTable& table, double budget) {
  double best = std::numeric_limits<double>::infinity();
  for (std::size_t chosen = 1; chosen < (std::size_t{1} << table.networks.size()); ++chosen) {
    double cost = 0;
    std::vector<double> loss(table.tasks.size(), std::numeric_limits<double>::infinity());
    for (std::size_t n = 0; n < table.networks.size(); ++n) {
      if ((chosen >> n & 1U) == 0) continue;
      cost += table.networks[n].cost;
      for (std::size_t i = 0; i < table.networks[n].tasks.size(); ++i) {
        double& own = loss[table.networks[n].tasks[i]];
        own = std::min(own, table.networks[n].validation[i]);
      }
    }
    double sum = 0;
    for (const double own : loss) sum += own;
    if (cost <= budget + 1e-9) best = std::min(best, sum);
  }
  return best;
}

TEST(Grouping, AgreesWithBruteForceForAnyCosts) {
  RandomStream random(3, "grouping test");
  const std::vector<std::vector<double>> costs = {{1}, {0.5, 1}, {0.1, 0.7, 0.3}, {0, 1.7320508, 0.31830989, 2.7182818}};
  int infeasible = 0;
  for (int round = 0; round < 80; ++round) {
    const NetworkTable table = random_networks(random, 2 + round % 4, 12, costs[static_cast<std::size_t>(round) % 4]);
    const std::vector<double> budgets = {0.3, 1, 1.8, 2.5, 4};
    std::vector<Grouping> exact;
    std::vector<Grouping> bounded;
    try {
      const auto losses = selection_losses(table, GroupingMethod::kOptimal);
      exact = solve_grouping(table, losses, budgets);
      bounded = solve_grouping(table, losses, budgets, {.time_limit = 60, .most_exact_tasks = 0});
    } catch (const Error& error) {
      EXPECT_NE(error.sentence().find("no network solves"), std::string::npos);
      continue;
    }
    for (std::size_t i = 0; i < budgets.size(); ++i) {
      const double expected = brute_force(table, budgets[i]);
      if (std::isinf(expected)) {
        ++infeasible;
        EXPECT_TRUE(exact[i].infeasible);
        EXPECT_TRUE(bounded[i].infeasible);
        continue;
      }
      for (const Grouping* cell : {&exact[i], &bounded[i]}) {
        ASSERT_FALSE(cell->infeasible);
        EXPECT_TRUE(cell->proven);
        EXPECT_NEAR(cell->selection_loss, expected, 1e-9);
        EXPECT_NEAR(cell->validation_loss, expected, 1e-9);
        double cost = 0;
        for (const std::size_t n : cell->networks) cost += table.networks[n].cost;
        EXPECT_LE(cost, budgets[i] + 1e-9);
      }
    }
  }
  EXPECT_GT(infeasible, 5);
}

TEST(Grouping, FourteenTasksTakeUnderTwoSeconds) {
  RandomStream random(4, "grouping test");
  NetworkTable table;
  for (std::size_t t = 0; t < 14; ++t) table.tasks.push_back(std::string(1, static_cast<char>('a' + t)));
  for (std::size_t mask = 1; mask < (1U << 14U); ++mask) {
    for (const double cost : {0.5, 1.0}) {
      CandidateNetwork network;
      network.name = std::to_string(mask);
      network.cost = cost;
      for (std::size_t t = 0; t < 14; ++t) {
        if ((mask >> t & 1U) == 0) continue;
        network.tasks.push_back(t);
        network.validation.push_back(random.uniform());
      }
      network.early = network.test = network.validation;
      table.networks.push_back(std::move(network));
    }
  }
  const auto losses = selection_losses(table, GroupingMethod::kOptimal);
  const auto begin = std::chrono::steady_clock::now();
  const auto cells = solve_grouping(table, losses, {7, 14});
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  EXPECT_TRUE(cells[1].proven);
  EXPECT_LE(cells[1].selection_loss, cells[0].selection_loss);
  RecordProperty("seconds", std::to_string(seconds));
  std::printf("14 tasks, 28 units, %zu networks: %.3f s\n", table.networks.size(), seconds);
#ifdef NDEBUG
  EXPECT_LT(seconds, 2.0);
#endif
}

std::string network_rows_sentence(const std::string& rows) {
  try {
    const NetworkTable table = parse_network_table("network,task,cost,validation_loss,early_validation_loss,test_loss\n" + rows, "f");
    selection_losses(table, GroupingMethod::kHigherOrder);
  } catch (const Error& error) {
    return error.sentence();
  }
  return {};
}

TEST(Grouping, BrokenTablesGetOneSentence) {
  EXPECT_EQ(network_rows_sentence("a,x,,1,1,1\n"), "f line 2: the cost of network 'a' is missing, but must be a number of at least 0");
  EXPECT_EQ(network_rows_sentence("a,x,-1,1,1,1\n"), "f line 2: the cost of network 'a' is -1, but must be a number of at least 0");
  EXPECT_EQ(network_rows_sentence("a,x,1,1,1,1\na,x,1,2,2,2\n"),
            "f line 3: task 'x' of network 'a' at cost 1 was given before; remove one of the two");
  EXPECT_EQ(network_rows_sentence("a,x,1,,1,1\n"), "f: network 'a' has no validation_loss for task 'x'");
  EXPECT_EQ(network_rows_sentence("a,x,1,1,1,1\na,y,1,1,1,1\na,z,1,1,1,1\n"),
            "f: the higher-order approximation of network 'a' needs a network of 'x' and 'y' alone, but there is none");
  EXPECT_EQ(network_rows_sentence("a,x,1,1,,\na,x,0.5,1,,\n"), "");
}

}  // namespace
}  // namespace affinis::taxonomy
