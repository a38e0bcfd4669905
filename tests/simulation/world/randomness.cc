// RAND_METHOD is deprecated since OpenSSL 3.0, and still what the whole library asks.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "tests/simulation/world/randomness.h"

#include <openssl/rand.h>

#include "base/random.h"
#include "base/status.h"

namespace smki::simulation {
namespace {

SeededRandom stream(0);

int Fill(unsigned char* out, int count) {
  stream.Fill({out, static_cast<size_t>(count)});
  return 1;
}
int Ready() {
  return 1;
}

const RAND_METHOD kSeeded = {nullptr, Fill, nullptr, nullptr, Fill, Ready};

}  // namespace

SeededOpenssl::SeededOpenssl(uint64_t seed) {
  stream = SeededRandom(seed);
  SMKI_CHECK(RAND_set_rand_method(&kSeeded) == 1);
}

SeededOpenssl::~SeededOpenssl() {
  RAND_set_rand_method(nullptr);
}

}  // namespace smki::simulation
