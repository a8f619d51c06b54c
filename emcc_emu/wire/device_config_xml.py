"""Writes `SEP<MAC>.cnf.xml` as a real Unified CM 11.x does for a SIP phone, and reads it as a phone does.

Elements stand in the order of real files. Their root uses the prefix `xsi:` without declaring it, as real files do, so
ordinary XML readers stumble over them; `emcc_emu.wire.xml.parse_xml` does not.
"""

from __future__ import annotations

from emcc_emu.errors import XmlInvalid
from emcc_emu.wire.device_config import (
    DateTimeSetting,
    DeviceConfig,
    LocaleConfig,
    PhoneService,
    ServiceUrls,
    SrstReference,
    TvsMember,
)
from emcc_emu.wire.device_config_parts import (
    flag,
    read_call_managers,
    read_tvs,
    write_call_manager_group,
    write_leaf,
    write_tvs,
)
from emcc_emu.wire.device_config_sip import read_buttons, read_sip_timers, write_sip_profile
from emcc_emu.wire.xml import escape, escape_attribute
from emcc_emu.wire.xml_section import Section, parse_section

__all__ = ["build_device_config", "parse_device_config", "read_device_config"]

NO_MLPP_DOMAIN = "-1"

_URL_ELEMENTS = (
    ("authenticationURL", "authentication"),
    ("directoryURL", "directory"),
    ("idleURL", "idle"),
    ("informationURL", "information"),
    ("messagesURL", "messages"),
    ("proxyServerURL", "proxy_server"),
    ("servicesURL", "services"),
    ("secureAuthenticationURL", "secure_authentication"),
    ("secureDirectoryURL", "secure_directory"),
    ("secureIdleURL", "secure_idle"),
    ("secureInformationURL", "secure_information"),
    ("secureMessagesURL", "secure_messages"),
    ("secureServicesURL", "secure_services"),
)


def build_device_config(config: DeviceConfig) -> bytes:
    """Write the full configuration file."""
    return "".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>\n',
            f'<device xsi:type="axl:XIPPhone" ctiid="{config.cti_id}" uuid="{{{escape_attribute(config.uuid)}}}">\n',
            _write_head(config),
            _write_device_pool(config),
            write_tvs(config.tvs or tuple([TvsMember(m.address, priority=m.priority) for m in config.call_managers])),
            write_sip_profile(config),
            _write_profile_files(config),
            _write_vendor_config(config),
            _write_locale(config),
            f"<deviceSecurityMode>{config.device_security_mode}</deviceSecurityMode>\n",
            f"<idleTimeout>{config.idle_timeout_s}</idleTimeout>\n",
            "".join([f"{write_leaf(name, getattr(config.urls, field))}\n" for name, field in _URL_ELEMENTS]),
            _write_transport(config),
            _write_security(config),
            _write_user(config),
            _write_services(config),
            "</device>\n",
        ]
    ).encode("utf-8")


def _write_head(config: DeviceConfig) -> str:
    return (
        "<fullConfig>true</fullConfig>\n"
        f"{write_leaf('portalDefaultServer', config.portal_default_server or _first_address(config))}\n"
        "<deviceProtocol>SIP</deviceProtocol>\n"
        "<sshUserId></sshUserId>\n<sshPassword></sshPassword>\n"
        "<ipAddressMode>0</ipAddressMode>\n<allowAutoConfig>true</allowAutoConfig>\n<dadEnable>true</dadEnable>\n"
        "<redirectEnable>false</redirectEnable>\n<echoMultiEnable>false</echoMultiEnable>\n"
        "<ipPreferenceModeControl>0</ipPreferenceModeControl>\n"
        "<ipMediaAddressFamilyPreference>0</ipMediaAddressFamilyPreference>\n"
        f"{write_leaf('mlppDomainId', config.mlpp_domain or NO_MLPP_DOMAIN)}\n"
        f"<mlppIndicationStatus>{'On' if config.mlpp_indication else 'Off'}</mlppIndicationStatus>\n"
        f"{write_leaf('preemption', config.mlpp_preemption)}\n"
    )


def _first_address(config: DeviceConfig) -> str:
    return config.call_managers[0].address if config.call_managers else ""


def _write_device_pool(config: DeviceConfig) -> str:
    clock = config.date_time
    ntps = "".join(
        [
            f"<ntp>{write_leaf('name', address)}<nameV6></nameV6><ntpMode>Unicast</ntpMode></ntp>\n"
            for address in clock.ntp_addresses
        ]
    )
    return (
        f'<devicePool uuid="{{{escape_attribute(config.device_pool_uuid)}}}">\n<revertPriority>0</revertPriority>\n'
        f"{write_leaf('name', config.device_pool)}\n<dateTimeSetting>\n{write_leaf('name', clock.name)}\n"
        f"{write_leaf('dateTemplate', clock.date_template)}\n{write_leaf('timeZone', clock.time_zone)}\n"
        f"{write_leaf('olsonTimeZone', clock.olson_time_zone)}\n<ntps>\n{ntps}</ntps>\n</dateTimeSetting>\n"
        f"{write_call_manager_group(config.call_manager_group, config.call_managers)}{_write_srst(config.srst)}"
        f"<connectionMonitorDuration>{config.connection_monitor_duration_s}</connectionMonitorDuration>\n</devicePool>\n"
    )


def _write_srst(srst: SrstReference) -> str:
    addresses = (*srst.sip_addresses, "", "", "")[:3]
    plain = "".join([f"<ipAddr{i}></ipAddr{i}>\n<port{i}>2000</port{i}>\n" for i in (1, 2, 3)])
    sip = "".join(
        [
            f"{write_leaf(f'sipIpAddr{i}', address)}\n<sipPort{i}>5060</sipPort{i}>\n"
            for i, address in enumerate(addresses, start=1)
        ]
    )
    return (
        f"<srstInfo>\n{write_leaf('name', srst.name)}\n{write_leaf('srstOption', srst.option)}\n"
        f"<userModifiable>true</userModifiable>\n{plain}{sip}<isSecure>{flag(srst.is_secure)}</isSecure>\n</srstInfo>\n"
    )


def _write_profile_files(config: DeviceConfig) -> str:
    logging = config.missed_call_logging or "1" * len(config.lines)
    policy = f"{write_leaf('featurePolicyFile', config.feature_policy_file)}\n" if config.feature_policy_file else ""
    return (
        f"{write_leaf('MissedCallLoggingOption', logging)}\n{policy}"
        "<commonProfile>\n<phonePassword></phonePassword>\n<backgroundImageAccess>true</backgroundImageAccess>\n"
        "<callLogBlfEnabled>2</callLogBlfEnabled>\n</commonProfile>\n"
        f"{write_leaf('loadInformation', config.load_information)}\n"
        f"<inactiveLoadInformation></inactiveLoadInformation>\n{_write_modules(config.add_on_modules)}"
    )


def _write_modules(modules: tuple[str, ...]) -> str:
    if not modules:
        return ""
    entries = [
        f'<addOnModule idx="{index}">\n{write_leaf("deviceType", name)}\n</addOnModule>\n'
        for index, name in enumerate(modules, start=1)
    ]
    return f"<addOnModules>\n{''.join(entries)}</addOnModules>\n"


def _write_vendor_config(config: DeviceConfig) -> str:
    return (
        "<vendorConfig>\n<disableSpeaker>false</disableSpeaker>\n"
        "<disableSpeakerAndHeadset>false</disableSpeakerAndHeadset>\n<pcPort>0</pcPort>\n"
        "<settingsAccess>1</settingsAccess>\n<garp>0</garp>\n<voiceVlanAccess>0</voiceVlanAccess>\n"
        f"<videoCapability>{int(config.has_video)}</videoCapability>\n"
        "<autoSelectLineEnable>0</autoSelectLineEnable>\n"
        f"<webAccess>{int(not config.has_web_access)}</webAccess>\n<webProtocol>0</webProtocol>\n"
        "<sshAccess>1</sshAccess>\n<spanToPCPort>1</spanToPCPort>\n<loggingDisplay>1</loggingDisplay>\n"
        "<loadServer></loadServer>\n<peerFirmwareSharing>1</peerFirmwareSharing>\n</vendorConfig>\n"
        "<commonConfig></commonConfig>\n<enterpriseConfig></enterpriseConfig>\n"
        f"{write_leaf('versionStamp', config.version_stamp)}\n"
    )


def _write_locale(config: DeviceConfig) -> str:
    locale = config.user_locale
    network = escape(config.network_locale)
    return (
        f"<userLocale>\n{write_leaf('name', locale.name)}\n<uid>{locale.uid}</uid>\n"
        f"{write_leaf('langCode', locale.language_code)}\n{write_leaf('version', locale.version)}\n"
        f"{write_leaf('winCharSet', locale.character_set)}\n</userLocale>\n"
        f"<networkLocale>{network}</networkLocale>\n<networkLocaleInfo>\n<name>{network}</name>\n"
        f"<uid>{config.network_locale_uid}</uid>\n{write_leaf('version', config.network_locale_version)}\n"
        "</networkLocaleInfo>\n"
    )


def _write_transport(config: DeviceConfig) -> str:
    return (
        "<dscpForSCCPPhoneConfig>96</dscpForSCCPPhoneConfig>\n<dscpForSCCPPhoneServices>0</dscpForSCCPPhoneServices>\n"
        "<dscpForCm2Dvce>96</dscpForCm2Dvce>\n"
        f"<transportLayerProtocol>{config.transport_layer_protocol}</transportLayerProtocol>\n"
        f"<dialToneSetting>2</dialToneSetting>\n<dndCallAlert>{config.dnd_call_alert}</dndCallAlert>\n"
        "<phonePersonalization>0</phonePersonalization>\n<rollover>0</rollover>\n"
        f"<singleButtonBarge>{config.single_button_barge}</singleButtonBarge>\n"
        f"<joinAcrossLines>{int(config.joins_across_lines)}</joinAcrossLines>\n"
        "<autoCallPickupEnable>false</autoCallPickupEnable>\n"
        "<blfAudibleAlertSettingOfIdleStation>0</blfAudibleAlertSettingOfIdleStation>\n"
        "<blfAudibleAlertSettingOfBusyStation>0</blfAudibleAlertSettingOfBusyStation>\n"
    )


def _write_security(config: DeviceConfig) -> str:
    address = config.capf_address or _first_address(config)
    return (
        "<capfAuthMode>0</capfAuthMode>\n<capfList>\n<capf>\n<phonePort>3804</phonePort>\n"
        f"{write_leaf('processNodeName', address)}\n</capf>\n</capfList>\n<certHash></certHash>\n"
        f"<encrConfig>{flag(config.is_encrypted)}</encrConfig>\n<advertiseG722Codec>1</advertiseG722Codec>\n"
        "<mobility>\n<handoffdn></handoffdn>\n<dtmfdn></dtmfdn>\n<ivrdn></ivrdn>\n"
        "<dtmfHoldCode>*81</dtmfHoldCode>\n</mobility>\n<TLSResumptionTimer>3600</TLSResumptionTimer>\n"
    )


def _write_user(config: DeviceConfig) -> str:
    profile = escape_attribute(config.service_profile_file)
    return (
        f'<userId serviceProfileFile="{profile}">{escape(config.user_id)}</userId>\n'
        f"{write_leaf('ownerId', config.owner_id)}\n"
    )


def _write_services(config: DeviceConfig) -> str:
    services = [
        f'<phoneService type="{service.type}" category="{service.category}">\n{write_leaf("name", service.name)}\n'
        f"{write_leaf('url', service.url)}\n{write_leaf('vendor', service.vendor)}\n"
        f"{write_leaf('version', service.version)}\n</phoneService>\n"
        for service in config.phone_services
    ]
    return (
        f'<phoneServices useHTTPS="{flag(config.has_https_services)}">\n'
        f"<provisioning>{config.service_provisioning}</provisioning>\n{''.join(services)}</phoneServices>\n"
    )


def parse_device_config(data: bytes) -> DeviceConfig:
    """Read a full configuration file; elements that the dataclass does not know are skipped.

    Raises:
        XmlInvalid: Not well-formed, not a phone's configuration, only the stub of an encrypted one, without a server to
            register with, or with text where a number must be.
    """
    return read_device_config(parse_section(data, "device"))


def read_device_config(device: Section) -> DeviceConfig:
    """Read the `device` element of a full configuration file; see `parse_device_config`."""
    if device.text("fullConfig", "true") != "true":
        raise XmlInvalid("not a full configuration")
    pool = device.section("devicePool")
    group = pool.section("callManagerGroup")
    call_managers = read_call_managers(group)
    if not call_managers:
        raise XmlInvalid("configuration without a CallManager")
    profile = device.section("sipProfile")
    lines, buttons = read_buttons(profile.section("sipLines"))
    vendor = device.section("vendorConfig")
    network_locale = device.section("networkLocaleInfo")
    services = device.section("phoneServices")
    return DeviceConfig(
        call_managers=call_managers,
        version_stamp=device.text("versionStamp"),
        lines=lines,
        buttons=buttons,
        uuid=device.attribute("uuid").strip("{}"),
        cti_id=device.attribute_number("ctiid"),
        portal_default_server=device.text("portalDefaultServer"),
        device_pool=pool.text("name"),
        device_pool_uuid=pool.attribute("uuid").strip("{}"),
        call_manager_group=group.text("name"),
        date_time=_read_date_time(pool.section("dateTimeSetting")),
        srst=_read_srst(pool.section("srstInfo")),
        connection_monitor_duration_s=pool.number("connectionMonitorDuration", 120),
        tvs=read_tvs(device.section("TVS")),
        sip_timers=read_sip_timers(profile.section("sipStack")),
        phone_label=profile.text("phoneLabel"),
        kpml=profile.number("kpml", 3),
        always_use_prime_line=profile.text("alwaysUsePrimeLine") == "true",
        always_use_prime_line_for_voice_mail=profile.text("alwaysUsePrimeLineVoiceMail") == "true",
        mlpp_domain="" if (domain := device.text("mlppDomainId")) == NO_MLPP_DOMAIN else domain,
        mlpp_indication=device.text("mlppIndicationStatus") == "On",
        mlpp_preemption=device.text("preemption", "Disabled"),
        single_button_barge=device.number("singleButtonBarge", 0),
        joins_across_lines=device.number("joinAcrossLines", 0) == 1,
        dnd_call_alert=device.number("dndCallAlert", 5),
        add_on_modules=tuple(
            [module.text("deviceType") for module in device.section("addOnModules").sections("addOnModule")]
        ),
        start_media_port=profile.number("startMediaPort", 16384),
        stop_media_port=profile.number("stopMediaPort", 32766),
        voip_control_port=profile.number("voipControlPort", 5060),
        dial_template_file=profile.text("dialTemplate"),
        soft_key_file=profile.text("softKeyFile"),
        missed_call_logging=device.text("MissedCallLoggingOption"),
        feature_policy_file=device.text("featurePolicyFile"),
        load_information=device.text("loadInformation"),
        has_web_access=vendor.text("webAccess", "1") == "0",
        has_video=vendor.text("videoCapability", "0") == "1",
        user_locale=_read_locale(device.section("userLocale")),
        network_locale=device.text("networkLocale"),
        network_locale_uid=network_locale.number("uid", 64),
        network_locale_version=network_locale.text("version"),
        device_security_mode=device.number("deviceSecurityMode", 1),
        transport_layer_protocol=device.number("transportLayerProtocol", 4),
        idle_timeout_s=device.number("idleTimeout", 0),
        urls=ServiceUrls(**{field: device.text(name) for name, field in _URL_ELEMENTS}),
        is_encrypted=device.text("encrConfig") == "true",
        capf_address=device.section("capfList").section("capf").text("processNodeName"),
        user_id=device.text("userId"),
        owner_id=device.text("ownerId"),
        service_profile_file=device.section("userId").attribute("serviceProfileFile"),
        service_provisioning=services.number("provisioning", 0),
        has_https_services=services.attribute("useHTTPS", "true") == "true",
        phone_services=tuple([_read_service(service) for service in services.sections("phoneService")]),
    )


def _read_date_time(setting: Section) -> DateTimeSetting:
    return DateTimeSetting(
        setting.text("name"),
        setting.text("dateTemplate"),
        setting.text("timeZone"),
        setting.text("olsonTimeZone"),
        tuple([ntp.text("name") for ntp in setting.section("ntps").sections("ntp")]),
    )


def _read_srst(srst: Section) -> SrstReference:
    addresses = [srst.text(f"sipIpAddr{number}") for number in (1, 2, 3)]
    return SrstReference(
        srst.text("name"),
        srst.text("srstOption"),
        tuple([address for address in addresses if address]),
        srst.text("isSecure") == "true",
    )


def _read_locale(locale: Section) -> LocaleConfig:
    return LocaleConfig(
        locale.text("name"),
        locale.number("uid", 1),
        locale.text("langCode"),
        locale.text("version"),
        locale.text("winCharSet"),
    )


def _read_service(service: Section) -> PhoneService:
    return PhoneService(
        service.text("name"),
        service.text("url"),
        service.attribute_number("type"),
        service.attribute_number("category"),
        service.text("vendor"),
        service.text("version"),
    )
