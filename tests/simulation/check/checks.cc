#include "tests/simulation/check/checks.h"

namespace smki::simulation {

struct Checks::Impl {
  World world;
  std::vector<Violation> violations;
};

Checks::Checks(World world) : impl_(new Impl{std::move(world), {}}) {}
Checks::~Checks() = default;

void Checks::OnPersonSigned(UtcTime, const std::string&, ByteSpan, ByteSpan) {}
void Checks::OnPersonPresented(UtcTime, const std::string&, const std::string&) {}
void Checks::OnTokenLogin(UtcTime, const std::string&, bool) {}
void Checks::OnTokenSign(UtcTime, const std::string&, const Digest&) {}
void Checks::OnKeyguardRequest(UtcTime, const std::string&, const std::string&, const std::vector<std::string>&) {}
void Checks::OnKeyguardAnswer(UtcTime, const std::string&, const std::string&, const std::string&) {}
void Checks::OnKeyguardRefusal(UtcTime, const std::string&, const std::string&, const std::string&) {}
void Checks::OnKeyguardDied(UtcTime) {}
void Checks::OnSignerDied(UtcTime) {}
void Checks::OnDeviceCommand(UtcTime, Eui64, ByteSpan) {}
void Checks::OnDeviceResponse(UtcTime, Eui64, ByteSpan) {}
void Checks::OnIncidentView(UtcTime, const std::string&, const std::string&) {}
void Checks::OnDeliver(UtcTime, const std::string&) {}
void Checks::AtEnd(const End&) {}
const std::vector<Violation>& Checks::violations() const {
  return impl_->violations;
}

}  // namespace smki::simulation
