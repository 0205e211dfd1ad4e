#include "transfer/transfer_function.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace affinis::transfer {
namespace {

TEST(TransferFunction, HasThePapersParameterCounts) {
  const std::int64_t expected[] = {2416, 9440, 21072, 37312};
  for (std::int64_t order = 1; order <= 4; ++order) {
    const auto function = make_transfer_function({.order = order});
    // The published counts leave out the last normalisation's scale and shift (2 x 2C).
    const std::int64_t last_norm = 2 * transfer_output_channels({.order = order});
    const std::int64_t count = nn::parameter_count(*function);
    EXPECT_TRUE(count == expected[order - 1] || count - last_norm == expected[order - 1]) << "order " << order << ": " << count;
  }
}

TEST(TransferFunction, DoublesTheChannelsAndKeepsTheSide) {
  const auto function = make_transfer_function({.order = 2});
  nn::initialise(*function, 1);
  const at::Tensor output = function->forward(at::rand({3, 16, 4, 4}));
  EXPECT_EQ(output.sizes().vec(), (std::vector<std::int64_t>{3, 32, 4, 4}));
}

TEST(TransferFunction, ClipsExtremeInputsOnlyWhileTraining) {
  const auto clipped = make_transfer_function({.clip_sigma = 1});
  const auto free = make_transfer_function({.clip_sigma = 0});
  for (const auto* function : {&clipped, &free}) nn::initialise(**function, 1);
  at::Tensor input = at::rand({8, 8, 4, 4});
  input[0][0][0][0] = 1000.0;
  clipped->set_training(true);
  free->set_training(true);
  EXPECT_FALSE(at::allclose(clipped->forward(input), free->forward(input)));
  nn::load_state(*clipped, nn::state_of(*free));
  clipped->set_training(false);
  free->set_training(false);
  EXPECT_TRUE(at::equal(clipped->forward(input), free->forward(input)));
}

TEST(ShallowPixelStream, ReachesTheRepresentationsSide) {
  const auto stream = make_shallow_pixel_stream(8);
  nn::initialise(*stream, 1);
  EXPECT_EQ(stream->forward(at::rand({2, 3, 64, 64})).sizes().vec(), (std::vector<std::int64_t>{2, 16, 4, 4}));
  EXPECT_EQ(stream->forward(at::rand({2, 3, 256, 256})).sizes().vec(), (std::vector<std::int64_t>{2, 16, 16, 16}));
}

}  // namespace
}  // namespace affinis::transfer
