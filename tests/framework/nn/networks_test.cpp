#include "framework/nn/networks.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"

namespace affinis::nn {
namespace {

TEST(Encoder, HasThePapersParameterCount) { EXPECT_EQ(parameter_count(*make_encoder({})), 23'655'504); }

TEST(DenseDecoder, HasThePapersParameterCounts) {
  EXPECT_EQ(parameter_count(*make_dense_decoder({})), 16'453'009);
  EXPECT_EQ(parameter_count(*make_dense_decoder({.output_channels = 3})), 16'453'299);
  EXPECT_EQ(parameter_count(*make_dense_decoder({.input_channels = 16})), 16'526'737);
}

}  // namespace
}  // namespace affinis::nn
