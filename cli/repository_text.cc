#include "cli/repository_text.h"

#include <CLI/CLI.hpp>

#include "base/clock.h"
#include "base/file.h"
#include "pki/certificate.h"

namespace smki::cli {
namespace {

constexpr std::array<const char*, repository::kKinds> kKindNames = {"oca", "dca", "organisation", "device"};
constexpr Millis kRedraw{200};

StatusOr<pki::TrustAnchor> ReadRoot(const std::string& path) {
  SMKI_ASSIGN_OR_RETURN(const Bytes pem, PosixFiles().Read(path, 64 * 1024));
  const auto certificate = pki::Certificate::FromPem(AsText(pem));
  if (!certificate.ok()) return WithContext(certificate.status(), path);
  return pki::AnchorOf(*certificate);
}

}  // namespace

void AddRebuildInputs(CLI::App& app, RebuildInputs& inputs) {
  app.add_option("--from,--extracts", inputs.from, "folder of SMKIKR files and revocation lists")->required();
  AddRoots(app, inputs, /*required=*/true);
}

void AddRoots(CLI::App& app, RebuildInputs& inputs, bool required) {
  app.add_option("--organisation-root", inputs.organisation_root, "pinned Root OCA certificate (PEM)")
      ->required(required);
  app.add_option("--device-root", inputs.device_root, "pinned Root DCA certificate (PEM)")->required(required);
}

StatusOr<repository::RebuildOptions> OptionsOf(const RebuildInputs& inputs) {
  SMKI_ASSIGN_OR_RETURN(const pki::TrustAnchor organisation_root, ReadRoot(inputs.organisation_root));
  SMKI_ASSIGN_OR_RETURN(const pki::TrustAnchor device_root, ReadRoot(inputs.device_root));
  return repository::RebuildOptions{inputs.from, "", "", organisation_root, device_root};
}

RebuildProgressLine::RebuildProgressLine(const Command& command, repository::RebuildOptions& options)
    : command_(command) {
  if (!command.terminal() || command.json()) return;
  options.on_progress = [&command, drawn = drawn_, start = SystemClock().SinceBoot(),
                         last = Millis(-1000)](const repository::RebuildProgress& progress) mutable {
    const Millis elapsed = std::chrono::duration_cast<Millis>(SystemClock().SinceBoot() - start);
    if (elapsed - last < kRedraw) return;
    last = elapsed;
    const double seconds = std::max<double>(static_cast<double>(elapsed.count()) / 1000, 0.001);
    std::string text = Bar(progress.octets_done, progress.octets_total, 24) + "  " + Count(progress.records) +
                       " records  " + Count(static_cast<uint64_t>(static_cast<double>(progress.records) / seconds)) +
                       "/s";
    if (progress.stage != "reading") {
      text += "  " + progress.stage;
    } else if (progress.octets_done > 0) {
      const double left = static_cast<double>(progress.octets_total - progress.octets_done) /
                          static_cast<double>(progress.octets_done) * seconds;
      text += "  " + Elapsed(Millis(static_cast<int64_t>(left * 1000))) + " left  " + progress.file;
    }
    command.Print("\r\x1b[K" + text);
    *drawn = true;
  };
}

void RebuildProgressLine::Clear() const {
  if (*drawn_) command_.Print("\r\x1b[K");
}

Json SummaryJson(const repository::StoreSummary& summary) {
  Json kinds = Json::object(), states = Json::object();
  for (size_t i = 0; i < kKindNames.size(); ++i) kinds[kKindNames[i]] = summary.by_kind[i];
  for (size_t i = 0; i < repository::kStatuses; ++i)
    states[std::string(1, repository::kStatusLetters[i])] = summary.by_status[i];
  return {{"as_of", summary.as_of},
          {"certificates", {{"total", summary.certificates}, {"by_kind", kinds}, {"by_status", states}}},
          {"full", summary.full_date},
          {"last_delta", summary.last_delta_date},
          {"verify", Name(summary.verify)},
          {"digest", ToHex(summary.digest)}};
}

std::string SummaryText(const repository::StoreSummary& summary) {
  return Fact("holds",
              fmt::format("{} certificates: {} Device, {} organisation, {} authority", Count(summary.certificates),
                          Count(summary.devices()), Count(summary.organisations()), Count(summary.authorities())),
              10) +
         Fact("status",
              fmt::format("{} In-Use, {} revoked, {} other", Count(summary.in_use()), Count(summary.revoked()),
                          Count(summary.other())),
              10) +
         Fact("as of",
              summary.as_of + ", from the FULL of " + summary.full_date +
                  (summary.last_delta_date.empty() ? "" : " and deltas to " + summary.last_delta_date),
              10) +
         Fact("verified",
              summary.verify == repository::Verify::kFull ? "everything, signatures too" : "structure, no signatures",
              10) +
         Fact("digest", ToHex(summary.digest), 10);
}

}  // namespace smki::cli
