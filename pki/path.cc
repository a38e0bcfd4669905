// Certification path validation, RFC 5280 section 6 as far as the SMKI profile goes (GBCS.md 4.4, 6).
#include <algorithm>
#include <array>

#include "pki/certificate.h"

namespace smki::pki {
namespace {

bool Same(ByteSpan a, ByteSpan b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

// One search for a path. Every branch ends in a fault or in the anchor; the fault of the branch that got furthest is
// told.
class Search {
 public:
  Search(const Certificate& end, std::span<const Certificate> intermediates, const TrustAnchor& anchor,
         std::optional<UtcTime> time)
      : intermediates_(intermediates), anchor_(anchor), time_(time) {
    path_[0] = &end;
    depth_ = 1;
  }

  PathResult Run() {
    best_ = {PathFault::kNoTrustAnchor,
             fmt::format("{} does not chain to the trust anchor {} through the {} path certificates given",
                         path_[0]->Describe(), ToHex(anchor_.identifier), intermediates_.size())};
    Extend();
    return best_;
  }

 private:
  const Certificate& last() const { return *path_[depth_ - 1]; }

  // True once a valid path is found.
  bool Extend() {
    if (NamesAnchor()) {
      if (!last().IsSignedBy(anchor_.key)) {
        Fail(PathFault::kBadCertificate, last(),
             "names the trust anchor as its issuer, but the anchor's key did not sign it");
      } else if (CheckPath()) {
        best_ = {};
        return true;
      }
    }
    for (const Certificate& issuer : intermediates_) {
      const auto end = path_.begin() + static_cast<ptrdiff_t>(depth_);
      if (std::find(path_.begin(), end, &issuer) != end || !Same(issuer.subject, last().issuer) ||
          !Same(issuer.subject_key_identifier, last().authority_key_identifier)) {
        continue;
      }
      if (!last().IsSignedBy(*issuer.public_key)) {
        Fail(PathFault::kBadCertificate, last(),
             "names " + issuer.Describe() + " as its issuer, but that key did not sign it");
        continue;
      }
      path_[depth_++] = &issuer;
      if (Extend()) return true;
      --depth_;
    }
    return false;
  }

  bool NamesAnchor() const {
    if (!anchor_.name.empty() && !Same(last().issuer, anchor_.name)) return false;
    if (Same(last().authority_key_identifier, anchor_.identifier)) return true;
    // GBCS v0.8.1 page 141: only a self-signed certificate may be without authorityKeyIdentifier.
    return last().authority_key_identifier.empty() && *last().public_key == anchor_.key;
  }

  bool CheckPath() {
    std::vector<std::string> policies = path_[0]->policies;
    for (size_t i = 0; i < depth_; ++i) {
      const Certificate& c = *path_[i];
      if (!Same(c.subject_key_identifier, c.public_key->identifier())) {
        return Fail(PathFault::kBadCertificate, c, "has no subjectKeyIdentifier of RFC 5280 method 2 over its key");
      }
      if (c.key_usage == 0) return Fail(PathFault::kBadCertificate, c, "has no keyUsage");
      if (i > 0 && (!c.is_ca || (c.key_usage & kKeyCertSign) == 0)) {
        return Fail(PathFault::kBadCertificate, c,
                    "is no certification authority, yet issued a certificate of the path");
      }
      if (i > 0 && c.path_length && *c.path_length < static_cast<int>(i) - 1) {
        return Fail(PathFault::kBadCertificate, c,
                    fmt::format("allows {} authorities below it, the path has {}", *c.path_length, i - 1));
      }
      policies.erase(std::remove_if(policies.begin(), policies.end(),
                                    [&](const std::string& policy) {
                                      return std::find(c.policies.begin(), c.policies.end(), policy) ==
                                             c.policies.end();
                                    }),
                     policies.end());
      if (policies.empty())
        return Fail(PathFault::kBadCertificate, c, "shares no certificate policy with the rest of the path");
    }
    // Last, so that a certificate that breaks the profile is never reported as merely expired.
    for (size_t i = 0; time_ && i < depth_; ++i) {
      const Certificate& c = *path_[i];
      if (!c.IsValidAt(*time_)) {
        return Fail(PathFault::kExpired, c,
                    fmt::format("is valid from {} to {}, not at {}", FormatTime(c.not_before), FormatTime(c.not_after),
                                FormatTime(*time_)));
      }
    }
    return true;
  }

  bool Fail(PathFault fault, const Certificate& which, const std::string& what) {
    if (fault > best_.fault) best_ = {fault, which.Describe() + " " + what};
    return false;
  }

  std::span<const Certificate> intermediates_;
  const TrustAnchor& anchor_;
  std::optional<UtcTime> time_;
  std::array<const Certificate*, kMaxIntermediates + 1> path_{};  // end first
  size_t depth_ = 0;
  PathResult best_;
};

}  // namespace

TrustAnchor AnchorOf(const Certificate& root) {
  return {*root.public_key, root.subject, root.public_key->identifier()};
}

PathResult ValidatePath(const Certificate& end, std::span<const Certificate> intermediates, const TrustAnchor& anchor,
                        std::optional<UtcTime> time) {
  if (intermediates.size() > kMaxIntermediates) {
    return {PathFault::kMalformed,
            fmt::format("{} path certificates; at most {} are allowed", intermediates.size(), kMaxIntermediates)};
  }
  return Search(end, intermediates, anchor, time).Run();
}

}  // namespace smki::pki
