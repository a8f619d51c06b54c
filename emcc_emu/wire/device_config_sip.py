"""The `sipProfile` part of a phone's configuration: proxies, timers, and the buttons that a login replaces."""

from __future__ import annotations

from emcc_emu.errors import XmlInvalid
from emcc_emu.wire.device_config import FEATURE_LINE, DeviceConfig, FeatureButton, LineConfig, SipTimers
from emcc_emu.wire.device_config_parts import flag, write_leaf
from emcc_emu.wire.xml_section import Section

__all__ = ["MAX_BUTTONS", "read_buttons", "read_sip_timers", "write_sip_profile"]

MAX_BUTTONS = 256
"""Most buttons read from one file; the largest phones with add-on modules have fewer."""

_CALL_FEATURES = (
    "<sipCallFeatures>\n<cnfJoinEnabled>true</cnfJoinEnabled>\n"
    "<callForwardURI>x-cisco-serviceuri-cfwdall</callForwardURI>\n"
    "<callPickupURI>x-cisco-serviceuri-pickup</callPickupURI>\n"
    "<callPickupListURI>x-cisco-serviceuri-opickup</callPickupListURI>\n"
    "<callPickupGroupURI>x-cisco-serviceuri-gpickup</callPickupGroupURI>\n"
    "<meetMeServiceURI>x-cisco-serviceuri-meetme</meetMeServiceURI>\n"
    "<abbreviatedDialURI>x-cisco-serviceuri-abbrdial</abbreviatedDialURI>\n"
    "<rfc2543Hold>false</rfc2543Hold>\n<callHoldRingback>2</callHoldRingback>\n"
    "<URIDialingDisplayPreference>1</URIDialingDisplayPreference>\n"
    "<localCfwdEnable>true</localCfwdEnable>\n<semiAttendedTransfer>true</semiAttendedTransfer>\n"
    "<anonymousCallBlock>2</anonymousCallBlock>\n<callerIdBlocking>2</callerIdBlocking>\n"
    "<remoteCcEnable>true</remoteCcEnable>\n<retainForwardInformation>false</retainForwardInformation>\n"
    "</sipCallFeatures>\n"
)
_PROXIES = (
    "<sipProxies>\n<backupProxy>USECALLMANAGER</backupProxy>\n<backupProxyPort>5060</backupProxyPort>\n"
    "<emergencyProxy>USECALLMANAGER</emergencyProxy>\n<emergencyProxyPort>5060</emergencyProxyPort>\n"
    "<outboundProxy>USECALLMANAGER</outboundProxy>\n<outboundProxyPort>5060</outboundProxyPort>\n"
    "<registerWithProxy>true</registerWithProxy>\n</sipProxies>\n"
)
_FORWARD_DISPLAY = (
    "<forwardCallInfoDisplay>\n<callerName>true</callerName>\n<callerNumber>false</callerNumber>\n"
    "<redirectedNumber>false</redirectedNumber>\n<dialedNumber>true</dialedNumber>\n</forwardCallInfoDisplay>\n"
)


def write_sip_profile(config: DeviceConfig) -> str:
    """Write the whole `sipProfile` element."""
    buttons = [(line.button, _write_line(line)) for line in config.lines]
    buttons += [(button.button, _write_button(button)) for button in config.buttons]
    written = "".join([entry for _, entry in sorted(buttons, key=lambda button: button[0])])
    return (
        f"<sipProfile>\n{_PROXIES}{_CALL_FEATURES}{_write_timers(config.sip_timers)}"
        "<autoAnswerTimer>1</autoAnswerTimer>\n<autoAnswerAltBehavior>false</autoAnswerAltBehavior>\n"
        "<autoAnswerOverride>true</autoAnswerOverride>\n<transferOnhookEnabled>false</transferOnhookEnabled>\n"
        "<enableVad>false</enableVad>\n<preferredCodec>none</preferredCodec>\n<dtmfAvtPayload>101</dtmfAvtPayload>\n"
        f"<dtmfDbLevel>3</dtmfDbLevel>\n<dtmfOutofBand>avt</dtmfOutofBand>\n<kpml>{config.kpml}</kpml>\n"
        f"{write_leaf('phoneLabel', config.phone_label)}\n<stutterMsgWaiting>2</stutterMsgWaiting>\n"
        "<callStats>false</callStats>\n<offhookToFirstDigitTimer>15000</offhookToFirstDigitTimer>\n"
        "<T302Timer>15000</T302Timer>\n"
        "<silentPeriodBetweenCallWaitingBursts>10</silentPeriodBetweenCallWaitingBursts>\n"
        "<disableLocalSpeedDialConfig>true</disableLocalSpeedDialConfig>\n<poundEndOfDial>false</poundEndOfDial>\n"
        f"<startMediaPort>{config.start_media_port}</startMediaPort>\n"
        f"<stopMediaPort>{config.stop_media_port}</stopMediaPort>\n"
        f"<organizationTopLevelDomain></organizationTopLevelDomain>\n<sipLines>\n{written}</sipLines>\n"
        "<externalNumberMask></externalNumberMask>\n"
        f"<voipControlPort>{config.voip_control_port}</voipControlPort>\n<dscpForAudio>184</dscpForAudio>\n"
        "<dscpVideo>136</dscpVideo>\n<ringSettingBusyStationPolicy>0</ringSettingBusyStationPolicy>\n"
        f"{write_leaf('dialTemplate', config.dial_template_file)}\n"
        f"{write_leaf('softKeyFile', config.soft_key_file)}\n"
        f"<alwaysUsePrimeLine>{flag(config.always_use_prime_line)}</alwaysUsePrimeLine>\n"
        f"<alwaysUsePrimeLineVoiceMail>{flag(config.always_use_prime_line_for_voice_mail)}"
        "</alwaysUsePrimeLineVoiceMail>\n</sipProfile>\n"
    )


def _write_timers(timers: SipTimers) -> str:
    return (
        f"<sipStack>\n<sipInviteRetx>{timers.invite_retransmissions}</sipInviteRetx>\n"
        f"<sipRetx>{timers.retransmissions}</sipRetx>\n"
        f"<timerInviteExpires>{timers.invite_expires_s}</timerInviteExpires>\n"
        f"<timerRegisterExpires>{timers.register_expires_s}</timerRegisterExpires>\n"
        f"<timerRegisterDelta>{timers.register_delta_s}</timerRegisterDelta>\n"
        f"<timerKeepAliveExpires>{timers.keepalive_expires_s}</timerKeepAliveExpires>\n"
        f"<timerSubscribeExpires>{timers.subscribe_expires_s}</timerSubscribeExpires>\n"
        f"<timerSubscribeDelta>{timers.subscribe_delta_s}</timerSubscribeDelta>\n"
        f"<timerT1>{timers.t1_ms}</timerT1>\n<timerT2>{timers.t2_ms}</timerT2>\n"
        f"<maxRedirects>{timers.max_redirects}</maxRedirects>\n<remotePartyID>true</remotePartyID>\n"
        "<userInfo>None</userInfo>\n</sipStack>\n"
    )


def _write_line(line: LineConfig) -> str:
    digest = ""
    if line.auth_name:
        digest = f"{write_leaf('authName', line.auth_name)}\n{write_leaf('authPassword', line.auth_password)}\n"
    return (
        f'<line button="{line.button}" lineIndex="{line.line_index}">\n<featureID>{FEATURE_LINE}</featureID>\n'
        f"{write_leaf('featureLabel', line.label or line.name)}\n{write_leaf('proxy', line.proxy)}\n"
        f"<port>{line.port}</port>\n{write_leaf('name', line.name)}\n"
        f"{write_leaf('displayName', line.display_name)}\n"
        f"<autoAnswer><autoAnswerEnabled>{int(line.is_auto_answer)}</autoAnswerEnabled></autoAnswer>\n"
        f"<callWaiting>{line.call_waiting}</callWaiting>\n{digest}<sharedLine>{flag(line.is_shared)}</sharedLine>\n"
        f"<messageWaitingLampPolicy>{line.message_waiting_lamp_policy}</messageWaitingLampPolicy>\n"
        f"<messageWaitingAMWI>0</messageWaitingAMWI>\n{write_leaf('messagesNumber', line.messages_number)}\n"
        f"<ringSettingIdle>{line.ring_setting_idle}</ringSettingIdle>\n"
        f"<ringSettingActive>{line.ring_setting_active}</ringSettingActive>\n{write_leaf('contact', line.contact)}\n"
        f"{_FORWARD_DISPLAY}<maxNumCalls>{line.max_calls}</maxNumCalls>\n"
        f"<busyTrigger>{line.busy_trigger}</busyTrigger>\n</line>\n"
    )


def _write_button(button: FeatureButton) -> str:
    number_ = f"{write_leaf('speedDialNumber', button.speed_dial_number)}\n" if button.speed_dial_number else ""
    service = f"{write_leaf('serviceURI', button.service_uri)}\n" if button.service_uri else ""
    return (
        f'<line button="{button.button}">\n<featureID>{button.feature_id}</featureID>\n'
        f"{write_leaf('featureLabel', button.label)}\n{number_}{service}</line>\n"
    )


def read_buttons(sip_lines: Section) -> tuple[tuple[LineConfig, ...], tuple[FeatureButton, ...]]:
    """Read `sipLines`: the lines, and the buttons that are no lines, each in the order of the file.

    Raises:
        XmlInvalid: A line has no name, or text stands where a number must be, or there are too many buttons.
    """
    entries = sip_lines.sections("line")
    if len(entries) > MAX_BUTTONS:
        raise XmlInvalid(f"more than {MAX_BUTTONS} buttons")
    lines: list[LineConfig] = []
    buttons: list[FeatureButton] = []
    for place, entry in enumerate(entries, start=1):
        button = entry.attribute_number("button", place)
        feature_id = entry.number("featureID", FEATURE_LINE)
        if feature_id == FEATURE_LINE:
            lines.append(_read_line(entry, button, entry.attribute_number("lineIndex", len(lines) + 1)))
        else:
            buttons.append(_read_button(entry, button, feature_id))
    return tuple(lines), tuple(buttons)


def _read_button(entry: Section, button: int, feature_id: int) -> FeatureButton:
    return FeatureButton(
        button=button,
        feature_id=feature_id,
        label=entry.text("featureLabel"),
        speed_dial_number=entry.text("speedDialNumber"),
        service_uri=entry.text("serviceURI"),
    )


def _read_line(entry: Section, button: int, line_index: int) -> LineConfig:
    name = entry.text("name")
    if not name:
        raise XmlInvalid(f"line button {button} has no name")
    return LineConfig(
        button=button,
        line_index=line_index,
        name=name,
        contact=entry.text("contact", name),
        label=entry.text("featureLabel"),
        display_name=entry.text("displayName"),
        proxy=entry.text("proxy", "USECALLMANAGER"),
        port=entry.number("port", 5060),
        auth_name=entry.text("authName"),
        auth_password=entry.text("authPassword"),
        messages_number=entry.text("messagesNumber"),
        is_shared=entry.text("sharedLine") == "true",
        max_calls=entry.number("maxNumCalls", 4),
        busy_trigger=entry.number("busyTrigger", 2),
        is_auto_answer=entry.section("autoAnswer").text("autoAnswerEnabled", "0") not in ("0", "false"),
        message_waiting_lamp_policy=entry.number("messageWaitingLampPolicy", 3),
        ring_setting_idle=entry.number("ringSettingIdle", 4),
        ring_setting_active=entry.number("ringSettingActive", 5),
        call_waiting=entry.number("callWaiting", 3),
    )


def read_sip_timers(stack: Section) -> SipTimers:
    """Read `sipStack`; what is missing has its default.

    Raises:
        XmlInvalid: Text stands where a number must be.
    """
    default = SipTimers()
    return SipTimers(
        register_expires_s=stack.number("timerRegisterExpires", default.register_expires_s),
        register_delta_s=stack.number("timerRegisterDelta", default.register_delta_s),
        keepalive_expires_s=stack.number("timerKeepAliveExpires", default.keepalive_expires_s),
        subscribe_expires_s=stack.number("timerSubscribeExpires", default.subscribe_expires_s),
        subscribe_delta_s=stack.number("timerSubscribeDelta", default.subscribe_delta_s),
        invite_expires_s=stack.number("timerInviteExpires", default.invite_expires_s),
        t1_ms=stack.number("timerT1", default.t1_ms),
        t2_ms=stack.number("timerT2", default.t2_ms),
        invite_retransmissions=stack.number("sipInviteRetx", default.invite_retransmissions),
        retransmissions=stack.number("sipRetx", default.retransmissions),
        max_redirects=stack.number("maxRedirects", default.max_redirects),
    )
