#include "hsm/custody/shares.h"

#include <botan/exceptn.h>
#include <botan/rng.h>
#include <botan/tss.h>

namespace smki::hsm {
namespace {

// Our Random as Botan wants it.
class BotanRandom : public Botan::RandomNumberGenerator {
 public:
  explicit BotanRandom(Random& random) : random_(random) {}
  void randomize(uint8_t output[], size_t length) override { random_.Fill({output, length}); }
  void add_entropy(const uint8_t[], size_t) override {}
  bool accepts_input() const override { return false; }
  std::string name() const override { return "smki"; }
  void clear() override {}
  bool is_seeded() const override { return true; }

 private:
  Random& random_;
};

constexpr size_t kShareIdentifier = 16;

}  // namespace

StatusOr<std::vector<Secret>> SplitSecret(const Secret& secret, uint8_t threshold, uint8_t count, Random& random) {
  // I5: one custodian alone never opens a key.
  if (threshold < 2 || threshold > count) {
    return InvalidArgument("a secret is split so that 2 to {} of {} shares open it, not {}", count, count, threshold);
  }
  try {
    BotanRandom rng(random);
    const auto shares =
        Botan::RTSS_Share::split(threshold, count, secret.span().data(), static_cast<uint16_t>(secret.size()),
                                 random.Take(kShareIdentifier), "SHA-256", rng);
    std::vector<Secret> out;
    out.reserve(shares.size());
    for (const Botan::RTSS_Share& share : shares) out.emplace_back(Bytes(share.data().begin(), share.data().end()));
    return out;
  } catch (const Botan::Exception& e) {
    return Internal("splitting a secret: {}", e.what());
  }
}

StatusOr<Secret> CombineShares(const std::vector<const Secret*>& shares) {
  try {
    std::vector<Botan::RTSS_Share> parts;
    parts.reserve(shares.size());
    for (const Secret* share : shares) parts.emplace_back(share->span().data(), share->size());
    const auto secret = Botan::RTSS_Share::reconstruct(parts);
    return Secret(Bytes(secret.begin(), secret.end()));
  } catch (const std::exception& e) {
    return InvalidArgument("the shares do not give a secret: {}", e.what());
  }
}

Secret PinOf(const Secret& secret) {
  std::string hex = ToHex(secret.span());
  Secret pin(ToBytes(AsBytes(hex)));
  Zeroise(hex);
  return pin;
}

StatusOr<Custody> MakeCustody(const procedures::Environment& environment, const std::string& key,
                              const std::vector<std::string>& persons, uint8_t threshold, Random& random) {
  if (persons.size() > 255) return InvalidArgument("key {}: {} custodians; at most 255", key, persons.size());
  Custody custody;
  custody.secret = Secret(random.Take(kPinSecret));
  SMKI_ASSIGN_OR_RETURN(std::vector<Secret> shares,
                        SplitSecret(custody.secret, threshold, static_cast<uint8_t>(persons.size()), random));
  for (size_t i = 0; i < persons.size(); ++i) {
    procedures::ShareRecord record;
    record.environment = environment;
    record.key = key;
    record.person = persons[i];
    record.index = static_cast<uint8_t>(i + 1);
    record.share = std::move(shares[i]);
    record.salt = Secret(random.Take(procedures::kShareSalt));
    custody.shares.push_back(std::move(record));
  }
  return custody;
}

}  // namespace smki::hsm
